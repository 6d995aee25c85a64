"""Sends frames to one websocket: immediately, or from a task when the client is slow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from enum import Enum

from ..events import Event
from ..hub.outbox import Frame, Outbox
from ..hub.turns import GATHER, Turns
from ..limits import CREDIT, SLOW_AFTER, paid_until
from ..protocol import Close
from ..types import Send
from .connections import NOBODY, Client
from .eager import Begun, begin

FRAME_SIZE = 32_768  # characters after which an array of events is sent

logger = logging.getLogger(__name__)


class State(Enum):
    """What a writer does with a new frame."""

    READY = "nothing waits: it sends immediately"
    QUEUED = "frames wait for the writer's turn"
    BEHIND = "a task sends the frames, since a send waits or the pace is used up"
    STOPPED = "nothing is sent any more"


READY, QUEUED, BEHIND, STOPPED = State  # module names, since they are looked up for each frame


class Writer(Outbox):
    """An outbox that sends each event immediately, as the task that created this writer.

    While nothing waits, :meth:`push` itself calls the server's ``send``: queueing the event, or
    waking a task, would double the time. If ``send`` waits for a client that does not read, or if
    the connection has used up its pace, a task sends the frames until the client has caught up. No
    other client waits.

    It calls ``client.sent`` with each outcome, and ``client.end`` when nothing can be sent any
    more: after one frame took 30 s, or when the client is gone.
    """

    __slots__ = ("_catching_up", "_client", "_owner", "_paid_until", "_send", "_state", "_turns")

    def __init__(self, turns: Turns, send: Send, client: Client) -> None:
        super().__init__(turns.now())
        owner = asyncio.current_task()
        if owner is None:
            raise RuntimeError("a websocket's application runs in a task of asyncio")
        self._turns = turns
        self._send = send
        self._client = client
        self._owner = owner
        self._paid_until = -CREDIT
        self._state = READY
        self._catching_up: asyncio.Task[None] | None = None

    def push(self, event: Event, frame: Frame, now: float) -> None:
        """Send the event now if nothing waits; see ``Outbox``. No asyncio task may be running."""
        if self._state is READY:
            self._send_now(frame, now)
        else:
            self.offer(event)

    def stop(self) -> None:
        """Send no more frames; a send that has begun is finished."""
        self._state = STOPPED

    async def end(self) -> None:
        """Stop, and cancel the frame that is being sent."""
        self.stop()
        if self._catching_up is not None:
            self._catching_up.cancel()
            with suppress(asyncio.CancelledError):
                await self._catching_up
        self._client = NOBODY  # breaks the reference cycle with the client

    def send_up_to(self, limit: int) -> int:
        """See ``turns.Sender``."""
        sent, now = 0, self._turns.now()
        if self._state is QUEUED:
            self._state = READY
        while self._state is READY and sent < limit and (frame := self._next(now)) is not None:
            sent += 1
            self._send_now(frame, now)
        if sent == limit:
            self._wake()
        return sent

    def _next(self, now: float) -> Frame | None:
        """Remove and return the next waiting frame, or None."""
        waiting = self.pop(now)
        if waiting is None:
            return None
        text, event = waiting
        return Frame(text) if event is None else Frame(text, event)

    def _wake(self) -> None:
        if self._state is READY:
            self._state = QUEUED
            self._turns.add(self)

    def _send_now(self, frame: Frame, now: float) -> None:
        """Send the frame; if the server waits, let a task finish the sending."""
        self.sent_at = now
        try:
            # A new message for each client, since a middleware may change it.
            rest = begin(self._send({"type": "websocket.send", "text": frame.text}), self._owner)
        except Exception as error:
            self._lose(error)
            return
        except BaseException:
            self._lose(None)
            raise
        if rest is not None or (self._account(frame, now) > now and self._state is not STOPPED):
            self._fall_behind(frame, rest)

    def _account(self, frame: Frame, now: float) -> float:
        """Note that the frame was sent; return when the next frame may be sent."""
        paid = self._paid_until = paid_until(self._paid_until, frame.size, now)
        for outcome in frame.outcomes:
            self._client.sent(outcome)
        return paid

    def _fall_behind(self, frame: Frame, rest: Begun | None) -> None:
        if self._state is not STOPPED:
            self._state = BEHIND
        self._catching_up = self._owner.get_loop().create_task(self._catch_up(frame, rest))
        if rest is not None:
            # If the task is cancelled before its first step, nothing awaits the rest.
            self._catching_up.add_done_callback(lambda _: rest.close())

    async def _catch_up(self, frame: Frame, rest: Begun | None) -> None:
        try:
            async with asyncio.timeout(SLOW_AFTER) as deadline:
                await self._send_rest(frame, rest, deadline)
        except TimeoutError:
            self._end(Close.SLOW)
        except Exception:
            self._end(None)
            raise
        finally:
            self._catching_up = None
            if self._state is BEHIND:
                self._state = READY

    async def _send_rest(
        self, frame: Frame, sending: Awaitable[None] | None, deadline: asyncio.Timeout
    ) -> None:
        """Finish the frame that is being sent, then send all waiting frames."""
        while True:
            if sending is not None:
                try:
                    await sending
                except Exception as error:
                    self._lose(error)
                    return
                self._account(frame, self._turns.now())
            # Wait before popping a frame, so that the frame has the newest event.
            if (wait := self._paid_until - self._turns.now()) > 0:
                await asyncio.sleep(wait)
            if not deadline.expired():
                deadline.reschedule(self._turns.now() + SLOW_AFTER)
            if self._state is STOPPED or (following := self._next(self._turns.now())) is None:
                return
            frame = following
            sending = self._send({"type": "websocket.send", "text": frame.text})

    def _lose(self, error: Exception | None) -> None:
        """End the client, since a send took too long or failed; each server has its own errors."""
        logger.debug("A websocket is gone: %r", error)
        self._end(None)

    def _end(self, code: Close | None) -> None:
        self.stop()
        self._client.end(code)


class Gatherer(Writer):
    """Sends the events of up to 80 ms as an array in one frame.

    The first event after a pause is sent immediately. Gathering pays, since a browser takes as long
    to receive a frame as to parse ten events.
    """

    __slots__ = ()

    def push(self, event: Event, frame: Frame, now: float) -> None:
        """See ``Outbox``."""
        if now - self.sent_at >= GATHER:
            super().push(event, frame, now)
        else:
            self.offer(event)

    def _wake(self) -> None:
        if self._state is READY:
            self._state = QUEUED
            self._turns.add_later(self)

    def _next(self, now: float) -> Frame | None:
        if self._replies or len(self._events) < 2:
            return super()._next(now)
        events, size = [], 0
        while self._events and size < FRAME_SIZE:
            _, event = self.pop(now) or ("", None)
            if event is not None:
                events.append(event)
                size += len(event.text())
        return Frame(f"[{','.join(event.text() for event in events)}]", *events)
