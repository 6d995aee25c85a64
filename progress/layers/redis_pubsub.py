"""Redis' pub/sub channels on one server, heard on one connection, many messages at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from .. import redis_servers
from .resp import Replies

logger = logging.getLogger("progress")

READ_AT_ONCE = 65_536  # bytes
SUBSCRIBED_AT_ONCE = 500  # channels that one command names
STEADY = 1.0  # seconds after which a connection that breaks is renewed at once


class PubSub:
    """Hears what is published to the channels it is told of, on a connection of its own.

    ``heard`` is called with what was published. What redis-py does for each message, 40 µs of
    timeouts, health checks and dictionaries, is not done: bytes are read as they come. Of
    redis-py's connection it takes the way to the server: TLS, passwords, Sentinels.

    ``renewed`` is called when a connection that broke was replaced: what was published between is
    lost. Raises AttributeError where redis-py's connections have other parts.
    """

    def __init__(
        self, pool: Any, heard: Callable[[bytes], None], renewed: Callable[[], None]
    ) -> None:
        pool.make_connection()._reader  # noqa: B018 - whether there is such a part
        self._pool = pool
        self._heard = heard
        self._renewed = renewed
        self._now = asyncio.get_running_loop().time
        self._channels: dict[str, None] = {}
        self._opening = asyncio.Lock()
        self._open_one: tuple[Any, Replies] | None = None
        self._opened_at = 0.0

    async def subscribe(self, channel: str) -> None:
        """Hear this channel soon. Raises what redis-py does when the server is away."""
        self._channels[channel] = None
        await self._say("SUBSCRIBE", channel)

    async def unsubscribe(self, channel: str) -> None:
        """Hear it no longer, also when the connection breaks meanwhile."""
        self._channels.pop(channel, None)
        await self._say("UNSUBSCRIBE", channel)

    async def hear(self) -> None:
        """Pass on what has come, or renew a connection that broke.

        Raises when it cannot be renewed, or broke as soon as it was open.
        """
        connection, replies = await self._open()
        try:
            found = replies.feed(await self._read(connection))
        except (RedisError, OSError, ValueError) as error:
            await self._drop(connection)
            if self._now() - self._opened_at < STEADY:
                raise
            logger.info("A connection to the channel layer broke: %r", error)
            return
        for reply in found:
            if isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message":
                self._heard(reply[2])

    async def aclose(self) -> None:
        """Let go of the connection, and of those to Sentinels."""
        if self._open_one is not None:
            await self._drop(self._open_one[0])
        await redis_servers.close(Redis.from_pool(self._pool))

    async def _read(self, connection: Any) -> bytes:
        if connection._reader is None:  # a command could not be written
            raise RedisConnectionError("the connection is closed")
        part: bytes = await connection._reader.read(READ_AT_ONCE)
        if not part:
            raise RedisConnectionError("the server has closed the connection")
        return part

    async def _say(self, command: str, channel: str) -> None:
        connection, _ = await self._open()
        # No health check: the answer to its PING would come to `hear`.
        await connection.send_command(command, channel, check_health=False)

    async def _open(self) -> tuple[Any, Replies]:
        async with self._opening:
            if self._open_one is None or not self._open_one[0].is_connected:
                self._open_one = await self._connected(), Replies()
                if self._opened_at:
                    self._renewed()
                self._opened_at = self._now()
            return self._open_one

    async def _connected(self) -> Any:
        """A connection with all channels."""
        connection, channels = self._pool.make_connection(), list(self._channels)
        try:
            await connection.connect()
            for at in range(0, len(channels), SUBSCRIBED_AT_ONCE):
                some = channels[at : at + SUBSCRIBED_AT_ONCE]
                await connection.send_command("SUBSCRIBE", *some, check_health=False)
        except BaseException:
            await _disconnect(connection)
            raise
        return connection

    async def _drop(self, connection: Any) -> None:
        if self._open_one is not None and self._open_one[0] is connection:
            self._open_one = None
        await _disconnect(connection)


async def _disconnect(connection: Any) -> None:
    with suppress(RedisError, OSError):
        await connection.disconnect(nowait=True)
