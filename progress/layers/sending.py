"""Messages to groups of the channel layer, many in one go where that is Redis' pub/sub."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from typing import Any

from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer

from .. import redis_servers

#: What a channel layer would do one by one, each with a command and an answer of its own.
SCRIPT = "for at = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[at], ARGV[at + 1]) end"
AT_ONCE = 100  # messages of one script, so that it does not hold up the server

#: Of a group and a message: the channel of Redis and the bytes that the layer publishes.
Wrap = Callable[[str, dict[str, str]], tuple[str, bytes]]


async def send(messages: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Send each message to its group, in no order. Raises what the layer raises."""
    layer, batch = get_channel_layer(), list(messages)
    if layer is None:
        return
    if len(batch) > 1 and isinstance(layer, RedisPubSubChannelLayer):
        with suppress(AttributeError):  # of a channels_redis that calls its parts by other names
            await _publish(layer, batch)
            return
    await asyncio.gather(*(layer.group_send(group, message) for group, message in batch))


def wrapping(place: Hashable) -> Wrap | None:
    """What the layer would publish, for somebody who speaks to the server at that place anyway.

    None where that is not the layer's one server, or the layer does not keep a message's text as it
    is: then nobody but the layer can send.
    """
    with suppress(Exception):  # whatever is wrong with it, or has another name: send() says so
        layer: Any = get_channel_layer()
        if type(layer) is not RedisPubSubChannelLayer:
            return None
        mine = layer._get_layer()
        [shard] = mine._shards
        shard._ensure_redis()
        if redis_servers.place(shard._redis) == place and _keeps(layer):
            name = mine._get_group_channel_name
            return lambda group, message: (name(group), layer.serialize(message))
    return None


def _keeps(layer: Any) -> bool:
    """Whether digits in a text can be replaced after it was serialized: not what is encrypted."""
    first, second = (layer.serialize({"text": f'{{"{digit}'}) for digit in ("1" * 16, "2" * 16))
    return b'{"1' in first and first.replace(b"1" * 16, b"2" * 16) == second


async def _publish(layer: Any, batch: list[tuple[str, dict[str, Any]]]) -> None:
    """As the layer's ``group_send`` does, on its own connections, by names that are private to it.

    A message that is sent twice, here and in place of this, does no harm.
    """
    mine = layer._get_layer()
    words: dict[Any, list[Any]] = defaultdict(list)
    for group, message in batch:
        channel = mine._get_group_channel_name(group)
        words[mine._get_shard(channel)] += channel, layer.serialize(message)
    await asyncio.gather(*(_publish_on(*each) for each in words.items()))


async def _publish_on(shard: Any, words: list[Any]) -> None:
    async with shard._lock:
        shard._ensure_redis()
        for at in range(0, len(words), 2 * AT_ONCE):
            await shard._redis.eval(SCRIPT, 0, *words[at : at + 2 * AT_ONCE])
