"""Sends one socket its frames: at once while the client keeps up, else from a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Protocol

from ..events import Event
from ..hub.outbox import Frame, Watcher
from ..hub.turns import GATHER, Turns
from ..limits import CREDIT, SLOW_AFTER, paid_until
from ..protocol import Close
from .eager import Begun, begin

FRAME_SIZE = 32_768  # characters after which an array of events is sent

logger = logging.getLogger("progress")

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class Socket(Protocol):
    """Whose frames are sent."""

    def sent(self, outcome: Event) -> None:
        """A task's outcome was sent."""

    def end(self, code: Close | None) -> None:
        """Nothing can be sent any more: Close.SLOW, or None when the client is gone."""


class Nobody:
    """In the place of a socket that has ended."""

    def sent(self, outcome: Event) -> None:
        """See ``Socket``."""

    def end(self, code: Close | None) -> None:
        """See ``Socket``."""


NOBODY = Nobody()


class Writer(Watcher):
    """A watcher that sends what it is told, from the task that makes it and as that task.

    While nothing waits, an event is sent where it is told: to put it in the outbox first and come
    back for it, or to wake a parked task, takes as long as a server takes to send. Where the
    server has a send wait, for a client that does not read, or the socket's pace is used up, a task
    sends all that comes until the client has caught up. Nobody else waits.

    The ``socket`` is told of each outcome that was sent, and when nothing can be sent any more:
    after 30 s with one frame, and when the client is gone.
    """

    __slots__ = (
        "_behind",
        "_idle",
        "_owner",
        "_paid_until",
        "_send",
        "_socket",
        "_stopped",
        "_turns",
    )

    def __init__(self, turns: Turns, send: Send, socket: Socket) -> None:
        super().__init__(turns.now())
        owner = asyncio.current_task()
        if owner is None:
            raise RuntimeError("a websocket's application runs in a task of asyncio")
        self._turns = turns
        self._send = send
        self._socket = socket
        self._owner = owner
        self._paid_until = -CREDIT
        self._idle = True  # nothing waits or is being sent, and something may be
        self._stopped = False
        self._behind: asyncio.Task[None] | None = None  # sends while the client does not keep up

    def tell(self, event: Event, frame: Frame, now: float) -> None:
        """See ``Watcher``. Called outside of any task."""
        if self._idle:
            self._put(frame, now)
        else:
            self.offer(event)

    def stop(self) -> None:
        """Begin no other frame."""
        self._stopped, self._idle = True, False

    async def end(self) -> None:
        """Be done, also with the frame that is being sent."""
        self.stop()
        if self._behind is not None:
            self._behind.cancel()
            with suppress(asyncio.CancelledError):
                await self._behind
        self._socket = NOBODY  # which has this object: nothing for the collector of garbage

    def take_turn(self, most: int) -> int:
        """See ``turns.Due``."""
        taken, now = 0, self._turns.now()
        self._idle = self._behind is None and not self._stopped
        while self._idle and taken < most and (frame := self._next(now)) is not None:
            taken += 1
            self._put(frame, now)
        if taken == most:
            self._wake()
        return taken

    def _next(self, now: float) -> Frame | None:
        """What is to be sent next of what waits."""
        waiting = self.take(now)
        if waiting is None:
            return None
        text, event = waiting
        return Frame(text) if event is None else Frame(text, event)

    def _wake(self) -> None:
        if self._idle:
            self._idle = False
            self._turns.add(self)

    def _put(self, frame: Frame, now: float) -> None:
        """Send it, and leave it to a task to wait, if that is to be."""
        self.heard_at = now
        try:
            # Not one message for all: what is between here and the server may change it.
            rest = begin(self._send({"type": "websocket.send", "text": frame.text}), self._owner)
        except Exception as error:
            self._lose(error)
            return
        except BaseException:
            self._lose(None)
            raise
        if rest is not None or (self._account(frame, now) > now and not self._stopped):
            self._fall_behind(frame, rest)

    def _account(self, frame: Frame, now: float) -> float:
        """It is sent; when the next may be."""
        paid = self._paid_until = paid_until(self._paid_until, frame.size, now)
        for outcome in frame.outcomes:
            self._socket.sent(outcome)
        return paid

    def _fall_behind(self, frame: Frame, rest: Begun | None) -> None:
        self._idle = False
        self._behind = self._owner.get_loop().create_task(self._catch_up(frame, rest))
        if rest is not None:
            # A task that is cancelled before its first step awaits nothing.
            self._behind.add_done_callback(lambda _: rest.close())

    async def _catch_up(self, frame: Frame, rest: Begun | None) -> None:
        try:
            async with asyncio.timeout(SLOW_AFTER) as patience:
                await self._send_on(frame, rest, patience)
        except TimeoutError:
            self._end(Close.SLOW)
        except Exception:
            self._end(None)
            raise
        finally:
            self._behind = None
            self._idle = not self._stopped

    async def _send_on(
        self, frame: Frame, sending: Awaitable[None] | None, patience: asyncio.Timeout
    ) -> None:
        while True:
            if sending is not None:
                try:
                    await sending
                except Exception as error:
                    self._lose(error)
                    return
                self._account(frame, self._turns.now())
            # Before the next frame is taken, so that what waits is the newest.
            if (wait := self._paid_until - self._turns.now()) > 0:
                await asyncio.sleep(wait)
            if not patience.expired():
                patience.reschedule(self._turns.now() + SLOW_AFTER)
            if self._stopped or (following := self._next(self._turns.now())) is None:
                return
            frame = following
            sending = self._send({"type": "websocket.send", "text": frame.text})

    def _lose(self, error: Exception | None) -> None:
        """Each server has an error of its own for a client that is gone."""
        logger.debug("A websocket is gone: %r", error)
        self._end(None)

    def _end(self, code: Close | None) -> None:
        self.stop()
        self._socket.end(code)


class Gatherer(Writer):
    """Sends events together that come within 80 ms, but for the first: an array of them in a frame.

    A browser takes as long to hear a frame as to read ten events in it.
    """

    __slots__ = ()

    def tell(self, event: Event, frame: Frame, now: float) -> None:
        """See ``Watcher``."""
        if now - self.heard_at >= GATHER:
            super().tell(event, frame, now)
        else:
            self.offer(event)

    def _wake(self) -> None:
        if self._idle:
            self._idle = False
            self._turns.add_later(self)

    def _next(self, now: float) -> Frame | None:
        if self._replies or len(self._events) < 2:
            return super()._next(now)
        events, size = [], 0
        while self._events and size < FRAME_SIZE:
            _, event = self.take(now) or ("", None)
            if event is not None:
                events.append(event)
                size += len(event.text())
        return Frame(f"[{','.join(event.text() for event in events)}]", *events)
