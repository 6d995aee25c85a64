"""What waits to be sent to one client: replies, and the newest event of each task it watches."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Self

from ..events import Event, follows
from ..protocol import PING, PING_AFTER


class Frame:
    """A text to send, to one client or to all who watch a task, and the outcomes in it."""

    __slots__ = ("outcomes", "size", "text")

    def __init__(self, text: str, *events: Event) -> None:
        self.text = text
        self.size = len(text) if text.isascii() else len(text.encode())
        self.outcomes = tuple(event for event in events if event.complete)


class Outbox:
    """Keeps what waits for one client, until whoever sends it pops it.

    A slow client skips events: a newer event replaces the one that waits, so memory is bounded by
    the number of tasks watched, and no client waits for another. An outcome is never replaced.
    Subclasses say by ``_wake`` what happens when something waits.
    """

    __slots__ = ("_events", "_replies", "sent_at")

    def __init__(self, now: float) -> None:
        self._events: dict[str, Event] = {}
        self._replies: dict[Hashable, str] = {}
        self.sent_at = now  # when the client was last sent a frame, by the clock of the loop

    @property
    def waiting_replies(self) -> int:
        """How many replies wait."""
        return len(self._replies)

    def push(self, event: Event, frame: Frame, now: float) -> None:
        """Take an event that a topic broadcasts, and the frame for sending it at once."""
        self.offer(event)

    def offer(self, event: Event) -> None:
        """Keep an event to be sent, unless a newer one of its task waits already."""
        waiting = self._events.get(event.task_id)
        if waiting is None or follows(waiting, event):
            self._events[event.task_id] = event
            self._wake()

    def reply(self, frame: str, *, about: Hashable = None) -> None:
        """Keep a frame that is not an event; it replaces one that waits ``about`` the same.

        Replies are sent before events, and none is dropped: who replies bounds their number.
        """
        key = object() if about is None else about
        self._replies.pop(key, None)
        self._replies[key] = frame
        self._wake()

    def withdraw(self, task_id: str) -> None:
        """Drop the event of this task that waits."""
        self._events.pop(task_id, None)

    def ping(self, now: float) -> None:
        """Send a ping if the client was sent nothing for PING_AFTER seconds."""
        if now - self.sent_at >= PING_AFTER and not self._replies:
            self.reply(PING)

    def pop(self, now: float) -> tuple[str, Event | None] | None:
        """Take the next frame out, with its event if it is one; None when nothing waits."""
        if self._replies:
            self.sent_at = now
            return self._replies.pop(next(iter(self._replies))), None
        if not self._events:
            return None
        self.sent_at = now
        event = self._events.pop(next(iter(self._events)))
        return event.text(), event

    def _wake(self) -> None:
        raise NotImplementedError


class Frames(Outbox):
    """An outbox to iterate over: ``async for text, event in frames`` waits for each frame."""

    __slots__ = ("_filled", "_now")

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        super().__init__(self._now())
        self._filled = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, Event | None]:
        while (frame := self.pop(self._now())) is None:
            self._filled.clear()
            await self._filled.wait()
        return frame

    def _wake(self) -> None:
        self._filled.set()
