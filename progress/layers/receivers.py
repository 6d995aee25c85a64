"""Receives the messages of groups, through the channel layer or directly from Redis pub/sub."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from channels.layers import InMemoryChannelLayer
from channels_redis.utils import create_pool

from ..loops import forever
from . import private_parts
from .redis_pubsub import Subscriber

logger = logging.getLogger(__name__)

LOOP_NAME = "Receiving from the channel layer"


class Receiver(Protocol):
    """Receives the messages of the groups it has joined. Its methods raise the layer's errors."""

    async def join(self, group: str) -> None:
        """Start to receive this group's messages soon."""

    async def leave(self, group: str) -> None:
        """Stop receiving this group's messages."""

    async def aclose(self) -> None:
        """Leave all groups and close the connections."""


def open_receiver(
    layer: Any, on_message: Callable[[Any], None], on_renewal: Callable[[], None]
) -> Receiver:
    """Return the fastest receiver for this layer instance, which must have no other user.

    ``on_message`` is called with each message. ``on_renewal`` is called after a lost connection was
    replaced, since messages sent in between are lost.
    """
    if private_parts.serves(layer, private_parts.RECEIVING):
        pools = {shard: create_pool(shard.host) for shard in layer._shards}
        # The pool makes a connection of its kind: TLS, a Unix socket, or through Sentinels.
        lacking = (private_parts.missing_in(pool.make_connection()) for pool in pools.values())
        part = next(filter(None, lacking), None)
        if private_parts.report_missing(part, private_parts.RECEIVING):
            return PubSubReceiver(layer, pools, on_message, on_renewal)
    return LayerReceiver(layer, on_message)


class LayerReceiver:
    """Receives over one channel of the layer, as a consumer of Channels does."""

    def __init__(self, layer: Any, on_message: Callable[[Any], None]) -> None:
        self._layer = layer
        self._on_message = on_message
        self._channel = ""
        self._groups: set[str] = set()
        self._receiving: asyncio.Task[None] | None = None

    async def join(self, group: str) -> None:
        """See ``Receiver``."""
        if not self._channel:
            self._channel = await self._layer.new_channel("progress.")
            loop = asyncio.get_running_loop()
            self._receiving = loop.create_task(forever(LOOP_NAME, self._receive))
        await self._layer.group_add(group, self._channel)
        self._groups.add(group)

    async def leave(self, group: str) -> None:
        """See ``Receiver``."""
        await self._layer.group_discard(group, self._channel)
        self._groups.discard(group)

    async def aclose(self) -> None:
        """See ``Receiver``."""
        if self._receiving is not None:
            self._receiving.cancel()
        if isinstance(self._layer, InMemoryChannelLayer):  # other listeners use it too
            for group in list(self._groups):
                await self.leave(group)
        else:
            await self._layer.flush()

    async def _receive(self) -> None:
        self._on_message(await self._layer.receive(self._channel))


class PubSubReceiver:
    """Subscribes to the Redis channels to which ``channels_redis.pubsub`` publishes.

    It asks private methods of the layer for the channel and the server of a group; see
    ``private_parts``. The layer's own receiving loop costs 60 µs a message, and does not notice
    when a connection times out.
    """

    def __init__(
        self,
        layer: Any,
        pools: dict[Any, Any],
        on_message: Callable[[Any], None],
        on_renewal: Callable[[], None],
    ) -> None:
        self._layer = layer
        self._on_message = on_message
        self._channel_of, self._shard_of = layer._get_group_channel_name, layer._get_shard
        self._subscribers = {
            shard: Subscriber(pool, self._receive, on_renewal) for shard, pool in pools.items()
        }
        self._receiving: list[asyncio.Task[None]] = []

    async def join(self, group: str) -> None:
        """See ``Receiver``."""
        subscriber, channel = self._place(group)
        await subscriber.subscribe(channel)
        if not self._receiving:
            loop = asyncio.get_running_loop()
            self._receiving = [
                loop.create_task(forever(LOOP_NAME, each.receive))
                for each in self._subscribers.values()
            ]

    async def leave(self, group: str) -> None:
        """See ``Receiver``."""
        subscriber, channel = self._place(group)
        await subscriber.unsubscribe(channel)

    async def aclose(self) -> None:
        """See ``Receiver``."""
        for each in self._receiving:
            each.cancel()
        await asyncio.gather(*self._receiving, return_exceptions=True)
        for subscriber in self._subscribers.values():
            await subscriber.aclose()
        await self._layer.flush()

    def _place(self, group: str) -> tuple[Subscriber, str]:
        channel = self._channel_of(group)
        return self._subscribers[self._shard_of(channel)], channel

    def _receive(self, message: bytes) -> None:
        try:
            self._on_message(self._layer.deserialize(message))
        except Exception as error:  # each serializer has errors of its own
            logger.info("Cannot read a message in a progress group: %r", error)
