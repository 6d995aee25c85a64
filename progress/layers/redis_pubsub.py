"""Subscribes to Redis channels on one server, over a connection that is renewed when lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import hiredis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from .. import redis_servers

logger = logging.getLogger(__name__)

READ_SIZE = 65_536  # bytes
CHANNELS_PER_COMMAND = 500
STEADY = 1.0  # seconds that a connection must have lasted to be renewed without a pause
INCOMPLETE = object()  # the parser returns it while the next reply is incomplete


class Open(NamedTuple):
    """An open connection, and the parser for its bytes."""

    connection: Any
    parser: hiredis.Reader
    opened_at: float


class Subscriber:
    """Calls ``on_message`` with every message of its channels, over a connection of its own.

    redis-py spends 40 µs on each message: a timeout, a health check, dictionaries. This class uses
    redis-py only to connect (TLS, passwords, Sentinels), reads the bytes and parses them with
    hiredis, many messages at a time.

    ``on_renewal`` is called after a lost connection was replaced, since messages sent in between
    are lost.
    """

    def __init__(
        self, pool: Any, on_message: Callable[[bytes], None], on_renewal: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._on_message = on_message
        self._on_renewal = on_renewal
        self._now = asyncio.get_running_loop().time
        self._channels: dict[str, None] = {}
        self._open: Open | None = None
        self._was_open = False
        self._closed = False
        # Only one coroutine at a time connects, sends or disconnects: redis-py raises
        # AttributeError if a connection is closed while a command waits to be written.
        self._lock = asyncio.Lock()

    async def subscribe(self, channel: str) -> None:
        """Start to receive from this channel soon.

        Raises RedisError or OSError if the command cannot be sent. The next connection then
        subscribes to the channel.
        """
        self._channels[channel] = None
        await self._send("SUBSCRIBE", channel)

    async def unsubscribe(self, channel: str) -> None:
        """Stop receiving from this channel. Raises as :meth:`subscribe`; the effect comes later."""
        self._channels.pop(channel, None)
        await self._send("UNSUBSCRIBE", channel)

    async def receive(self) -> None:
        """Call ``on_message`` with the next messages, or drop a connection that broke.

        The next call opens a new connection. Raises RedisError or OSError if that fails, or if the
        connection broke within a second: the caller must pause.
        """
        async with self._lock:
            current = await self._ensure_open()
        try:
            current.parser.feed(await self._read(current.connection))
            self._pass_on(current.parser)
        except (RedisError, OSError) as error:
            async with self._lock:
                await self._drop(current)
            if self._now() - current.opened_at < STEADY:
                raise
            logger.info("A connection to the channel layer broke: %r", error)

    async def aclose(self) -> None:
        """Disconnect, also from Sentinels. Later calls raise ConnectionError."""
        self._closed = True
        async with self._lock:
            if self._open is not None:
                await self._drop(self._open)
        await redis_servers.close(Redis.from_pool(self._pool))

    def _pass_on(self, parser: hiredis.Reader) -> None:
        while (reply := parser.gets()) is not INCOMPLETE:
            if isinstance(reply, ResponseError):
                raise reply
            if isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message":
                self._on_message(reply[2])

    async def _read(self, connection: Any) -> bytes:
        if connection._reader is None:  # a command could not be written
            raise RedisConnectionError("the connection is closed")
        part: bytes = await connection._reader.read(READ_SIZE)
        if not part:
            raise RedisConnectionError("the server has closed the connection")
        return part

    async def _send(self, command: str, channel: str) -> None:
        async with self._lock:
            current = await self._ensure_open()
            # No health check: the reply to its PING would arrive in `receive`.
            await current.connection.send_command(command, channel, check_health=False)

    async def _ensure_open(self) -> Open:
        self._refuse_when_closed()
        if self._open is None or not self._open.connection.is_connected:
            self._open = Open(await self._connect(), _parser(), self._now())
            if self._was_open:
                self._on_renewal()
            self._was_open = True
        return self._open

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise RedisConnectionError("this subscriber was closed")

    async def _connect(self) -> Any:
        """Return a new connection that is subscribed to all channels."""
        connection, channels = self._pool.make_connection(), list(self._channels)
        try:
            await connection.connect()
            for at in range(0, len(channels), CHANNELS_PER_COMMAND):
                some = channels[at : at + CHANNELS_PER_COMMAND]
                await connection.send_command("SUBSCRIBE", *some, check_health=False)
            self._refuse_when_closed()  # aclose() may have been called meanwhile
        except BaseException:
            await _disconnect(connection)
            raise
        return connection

    async def _drop(self, current: Open) -> None:
        if self._open is current:
            self._open = None
        await _disconnect(current.connection)


def _parser() -> hiredis.Reader:
    # The parser returns an error reply as a value, and raises for bytes that are not RESP.
    return hiredis.Reader(
        protocolError=InvalidResponse, replyError=ResponseError, notEnoughData=INCOMPLETE
    )


async def _disconnect(connection: Any) -> None:
    with suppress(RedisError, OSError):
        await connection.disconnect(nowait=True)
