"""Sends messages to groups of the channel layer; on Redis pub/sub, many in one command."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from typing import Any

from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer

from .. import redis_servers
from . import groups, private_parts

#: Publishes many messages in one command; the layer sends one command for each message.
SCRIPT = "for at = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[at], ARGV[at + 1]) end"
PER_SCRIPT = 100  # messages, so that one script does not block the server

#: Maps a task id and an event's text to a channel of Redis and the message to publish there.
Envelope = Callable[[str, str], tuple[str, bytes]]


async def send(messages: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Send each message to its group, in no particular order. Raises the layer's errors."""
    layer, batch = get_channel_layer(), list(messages)
    if layer is None:
        return
    if len(batch) > 1 and private_parts.serves(layer, private_parts.SENDING):
        await _publish(layer, batch)
    else:
        await asyncio.gather(*(layer.group_send(group, message) for group, message in batch))


def envelope(place: Hashable) -> Envelope | None:
    """Return a function that makes the layer's messages, for the Redis server at ``place``.

    With it, the command that stores an event can also publish it. Returns None if only the layer
    can send: if it is not channels_redis' pub/sub layer, has several servers or another server, or
    changes the text of a message.
    """
    with suppress(Exception):  # with a wrong setting send() raises too, and its caller logs that
        return _envelope(get_channel_layer(), place)
    return None


def _envelope(layer: Any, place: Hashable) -> Envelope | None:
    if type(layer) is not RedisPubSubChannelLayer:  # a subclass may send in another way
        return None
    if not private_parts.serves(layer, private_parts.SENDING):
        return None
    if not _is_at(layer, place) or not _keeps_text(layer):
        return None
    channel_of = layer._get_group_channel_name
    return lambda task_id, text: (
        channel_of(groups.group_name(task_id)),
        layer.serialize(groups.message_of(text)),
    )


def _is_at(layer: Any, place: Hashable) -> bool:
    """Return whether the layer has one server only, and this server is at ``place``."""
    if len(layer._shards) != 1:
        return False
    shard = layer._shards[0]
    shard._ensure_redis()
    return redis_servers.place(shard._redis) == place


def _keeps_text(layer: Any) -> bool:
    """Return whether a serialized text keeps its digits; encryption changes them."""
    first, second = (layer.serialize({"text": f'{{"{digit}'}) for digit in ("1" * 16, "2" * 16))
    return b'{"1' in first and first.replace(b"1" * 16, b"2" * 16) == second


async def _publish(layer: Any, batch: list[tuple[str, dict[str, Any]]]) -> None:
    """Do what the layer's ``group_send`` does, on its connections, with one script for many."""
    words: dict[Any, list[Any]] = defaultdict(list)
    for group, message in batch:
        channel = layer._get_group_channel_name(group)
        words[layer._get_shard(channel)] += channel, layer.serialize(message)
    await asyncio.gather(*(_publish_on(*each) for each in words.items()))


async def _publish_on(shard: Any, words: list[Any]) -> None:
    async with shard._lock:
        shard._ensure_redis()
        for at in range(0, len(words), 2 * PER_SCRIPT):
            await shard._redis.eval(SCRIPT, 0, *words[at : at + 2 * PER_SCRIPT])
