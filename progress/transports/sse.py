"""The events of one task as Server-Sent Events, for where a websocket cannot be had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from .. import protocol
from ..access.grants import Grants, TooManyError
from ..access.rules import UndecidedError
from ..access.tokens import Token
from ..events import Event
from ..hub import Hub
from ..hub.outbox import Frames
from ..layers.groups import Change
from ..limits import CREDIT, SLOW_AFTER, paid_until

RETRY = "retry: 1000\n\n"  # milliseconds until a browser comes back; its own default is 3 s or more


class EventStream:
    """One client's stream of one task: to be opened, then sent, as a StreamingHttpResponse does.

    ``seen`` is the version of the newest event that the client has, and is not sent again; -1 for
    none. A stream that nobody reads for 30 s is given up, also one that nobody begins to read.
    Raises ValueError for a scope that cannot be read.
    """

    def __init__(self, scope: Mapping[str, Any], task_id: str, *, seen: int = -1) -> None:
        self._hub = Hub.current()
        self._grants = Grants(self._hub.sockets, scope)
        self._address = (scope.get("client") or [None])[0]
        self._task_id = task_id
        self._seen = seen
        self._watcher = Frames()
        self._loop = asyncio.get_running_loop()
        self._entered = self._ended = False
        self._serving: asyncio.Task[Any] | None = None

    async def open(self, token: Token | None) -> bool:
        """Whether who asks may watch. Raises UndecidedError and TooManyError.

        Pages of other sites may not. Whoever opens it begins to send it within 30 s.
        """
        if self._grants.handshake.is_foreign:
            return False
        if not self._hub.sockets.enter("address", self._address):
            raise TooManyError
        self._entered = True
        self._hub.rights.add(self)
        self._given_up = self._loop.call_later(SLOW_AFTER, self._give_up)
        allowed = False
        try:
            allowed = await self._grants.allow(self._task_id, token)
        finally:
            if not allowed:
                self._leave()
        if not allowed or self._ended:
            return False
        self._grants.tokens[self._task_id] = token
        self._hub.attach(self._watcher)
        self._hub.watch(self._task_id, self._watcher)
        return True

    async def is_over(self) -> bool:
        """Whether the client has the outcome already, as far as the store answers."""
        if self._seen < 0:
            return False
        try:
            events = await self._hub.read([self._task_id])
        except (RedisError, OSError):
            return False
        event = events.get(self._task_id)
        return event is not None and event.complete and event.version <= self._seen

    async def __aiter__(self) -> AsyncIterator[str]:
        """What to send, as it comes; ends after the outcome, or with the right to watch."""
        self._serving = asyncio.current_task()
        try:
            yield RETRY
            self._given_up.cancel()
            async for text in self._frames():
                self._given_up = self._loop.call_later(SLOW_AFTER, self._give_up)
                yield text
                self._given_up.cancel()
        finally:
            self._leave()

    def close(self) -> None:
        """Watch no more. From any thread: Django's handler calls it from another one."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._given_up.cancel()
        if not self._ended:
            self._end()
        if self._entered:
            self._entered = False
            self._hub.rights.discard(self)
            self._hub.detach(self._watcher)
            self._hub.sockets.leave("address", self._address)
            self._grants.end()

    async def _frames(self) -> AsyncIterator[str]:
        paid = -CREDIT
        async for text, event in self._watcher:
            if self._ended:
                return
            if event is None or event.version > self._seen:
                yield chunk(text, event)
            if event is not None and event.complete:
                return
            # Before the next frame is taken, so that what waits is the newest.
            paid = paid_until(paid, len(text.encode()), now := self._loop.time())
            if paid > now:
                await asyncio.sleep(paid - now)

    def _end(self) -> None:
        """Nothing more is to be sent."""
        self._ended = True
        self._grants.tokens.clear()
        self._hub.unwatch(self._task_id, self._watcher)
        self._watcher.withdraw(self._task_id)
        self._watcher.reply(protocol.PING)  # wakes who waits for a frame

    def _give_up(self) -> None:
        """Nobody reads."""
        self._leave()
        if self._serving is not None:
            self._serving.cancel()

    def concerns(self, change: Change) -> bool:
        """See ``rights.Guarded``."""
        return self._grants.concerns(change)

    async def recheck(self) -> None:
        """See ``rights.Guarded``. A client whose stream ends comes back, and is told why."""
        try:
            async for _ in self._grants.again(self._watcher.reply):
                self._end()
        except (UndecidedError, TooManyError):
            self._end()


def chunk(text: str, event: Event | None) -> str:
    """A frame as it goes over the stream; JSON has no line breaks of its own."""
    mark = "" if event is None else f"id: {event.version}\n"
    return f"{mark}data: {text}\n\n"
