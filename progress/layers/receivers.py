"""What is sent to groups of the channel layer: through it or, from Redis' pub/sub, past it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from channels.layers import InMemoryChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import create_pool

from ..loops import forever
from .redis_pubsub import PubSub

logger = logging.getLogger("progress")

NAME = "Hearing from the channel layer"


class Receiver(Protocol):
    """Passes on what is sent to groups that were joined. Its methods raise the layer's errors."""

    async def join(self, group: str) -> None:
        """Receive what is sent to this group from soon on."""

    async def leave(self, group: str) -> None:
        """Receive it no longer."""

    async def aclose(self) -> None:
        """Be out of all groups, and let go of connections."""


def open_receiver(
    layer: Any, received: Callable[[Any], None], renewed: Callable[[], None]
) -> Receiver:
    """The quickest receiver that there is for this layer instance, which nobody else uses.

    ``received`` is called with each message; ``renewed`` when the way that they come was broken,
    and is no more.
    """
    if isinstance(layer, RedisPubSubChannelLayer):
        with suppress(AttributeError):  # of a channels_redis that calls its parts by other names
            return PubSubReceiver(layer, received, renewed)
    return LayerReceiver(layer, received)


class LayerReceiver:
    """By one channel on the layer, as any consumer has it."""

    def __init__(self, layer: Any, received: Callable[[Any], None]) -> None:
        self._layer = layer
        self._received = received
        self._channel = ""
        self._groups: set[str] = set()
        self._hearing: asyncio.Task[None] | None = None

    async def join(self, group: str) -> None:
        """See ``Receiver``."""
        if not self._channel:
            self._channel = await self._layer.new_channel("progress.")
            self._hearing = asyncio.get_running_loop().create_task(forever(NAME, self._hear))
        await self._layer.group_add(group, self._channel)
        self._groups.add(group)

    async def leave(self, group: str) -> None:
        """See ``Receiver``."""
        await self._layer.group_discard(group, self._channel)
        self._groups.discard(group)

    async def aclose(self) -> None:
        """See ``Receiver``."""
        if self._hearing is not None:
            self._hearing.cancel()
        if isinstance(self._layer, InMemoryChannelLayer):  # which others use as well
            for group in list(self._groups):
                await self.leave(group)
        else:
            await self._layer.flush()

    async def _hear(self) -> None:
        self._received(await self._layer.receive(self._channel))


class PubSubReceiver:
    """By subscriptions of its own to what ``channels_redis.pubsub`` publishes to a group.

    Which channel that is, and on which server, the layer itself says, by names that are private
    to it. It takes no part otherwise: its loop costs 60 µs a message, and never ends when a
    connection times out.
    """

    def __init__(
        self, layer: Any, received: Callable[[Any], None], renewed: Callable[[], None]
    ) -> None:
        self._layer = layer
        self._received = received
        inner = layer._get_layer()
        self._channel_of, self._shard_of = inner._get_group_channel_name, inner._get_shard
        self._servers = {
            shard: PubSub(create_pool(shard.host), self._heard, renewed) for shard in inner._shards
        }
        self._hearing: list[asyncio.Task[None]] = []

    async def join(self, group: str) -> None:
        """See ``Receiver``."""
        server, channel = self._place(group)
        await server.subscribe(channel)
        if not self._hearing:
            loop = asyncio.get_running_loop()
            self._hearing = [
                loop.create_task(forever(NAME, each.hear)) for each in self._servers.values()
            ]

    async def leave(self, group: str) -> None:
        """See ``Receiver``."""
        server, channel = self._place(group)
        await server.unsubscribe(channel)

    async def aclose(self) -> None:
        """See ``Receiver``."""
        for each in self._hearing:
            each.cancel()
        await asyncio.gather(*self._hearing, return_exceptions=True)
        for server in self._servers.values():
            await server.aclose()
        await self._layer.flush()

    def _place(self, group: str) -> tuple[PubSub, str]:
        channel = self._channel_of(group)
        return self._servers[self._shard_of(channel)], channel

    def _heard(self, message: bytes) -> None:
        try:
            self._received(self._layer.deserialize(message))
        except Exception as error:  # a serializer has its own for what it cannot read
            logger.info("Somebody else sends to our groups: %r", error)
