"""The events of one task as Server-Sent Events, for clients that cannot use a websocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from redis.exceptions import RedisError

from .. import protocol
from ..access import refusals
from ..events import Event
from ..exceptions import RefusedError
from ..hub.outbox import Frames
from ..limits import CREDIT, SLOW_AFTER, paid_until
from ..protocol import Close, Reason
from .connections import Connection

RETRY = "retry: 1000\n\n"  # milliseconds until a browser reconnects; its default is 3 s or more


class EventStream:
    """One client's stream of one task: open it, then iterate, as a StreamingHttpResponse does.

    ``seen`` is the version of the newest event that the client has, or -1; that event is not sent
    again. The stream closes if its client reads nothing for 30 s, or if the iteration does not
    begin within 30 s. Raises ValueError for a scope that cannot be parsed.
    """

    def __init__(self, scope: Mapping[str, Any], task_id: str, *, seen: int = -1) -> None:
        self._connection = Connection(scope, self)
        self._hub = self._connection.hub
        self._task_id = task_id
        self._seen = seen
        self._frames = Frames()
        self._loop = asyncio.get_running_loop()
        self._place = ExitStack()
        self._ended = False
        self._serving: asyncio.Task[Any] | None = None

    async def open(self, token: str | None) -> None:
        """Watch the task; the caller must begin to iterate within 30 s.

        Raises RefusedError (also for a page of another site), UndecidedError and
        TooManyConnections.
        """
        handshake = self._connection.grants.handshake
        if handshake.is_foreign:
            refusals.log_foreign_origin(handshake)
            raise RefusedError(Reason.FOREIGN_ORIGIN)
        self._place.enter_context(self._connection)
        self._given_up = self._loop.call_later(SLOW_AFTER, self._give_up)
        self._connection.open(self._frames)
        try:
            await self._connection.watch(self._task_id, token)
        except BaseException:
            self._leave()
            raise
        if self._ended:
            raise RefusedError(Reason.RULE, "watch a task, since the right ended meanwhile")

    async def is_over(self) -> bool:
        """Return whether the client has the outcome already; False if the store does not answer."""
        if self._seen < 0:
            return False
        try:
            events = await self._hub.read([self._task_id])
        except (RedisError, OSError):
            return False
        event = events.get(self._task_id)
        return event is not None and event.complete and event.version <= self._seen

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield the text to send. Ends after the outcome, or when the right to watch ends."""
        self._serving = asyncio.current_task()
        try:
            yield RETRY
            self._given_up.cancel()
            async for text in self._chunks():
                self._given_up = self._loop.call_later(SLOW_AFTER, self._give_up)
                yield text
                self._given_up.cancel()
        finally:
            self._leave()

    def close(self) -> None:
        """Stop watching. It can be called in any thread: Django calls it in another thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._leave)

    def sent(self, outcome: Event) -> None:
        """See ``connections.Client``; a stream ends by itself after the outcome."""

    def refuse(self, task_id: str, reason: Reason) -> None:
        """See ``connections.Client``. The client reconnects, and that response has the reason."""
        self.end(Close.ENDED)

    def end(self, code: Close | None) -> None:
        """See ``connections.Client``."""
        self._ended = True
        self._connection.close()
        self._frames.reply(protocol.PING)  # wakes the iterator

    def _leave(self) -> None:
        self._given_up.cancel()
        if not self._ended:
            self.end(None)
        self._place.close()

    async def _chunks(self) -> AsyncIterator[str]:
        paid = -CREDIT
        async for text, event in self._frames:
            if self._ended:
                return
            if event is None or event.version > self._seen:
                yield chunk(text, event)
            if event is not None and event.complete:
                return
            # Wait before popping a frame, so that the frame has the newest event.
            paid = paid_until(paid, len(text.encode()), now := self._loop.time())
            if paid > now:
                await asyncio.sleep(paid - now)

    def _give_up(self) -> None:
        """Close the stream of a client that does not read."""
        self._leave()
        if self._serving is not None:
            self._serving.cancel()


def chunk(text: str, event: Event | None) -> str:
    """Return a frame as one server-sent event; a frame's JSON contains no line breaks."""
    mark = "" if event is None else f"id: {event.version}\n"
    return f"{mark}data: {text}\n\n"
