"""The frames that wait for one client: replies, and the newest event of each task it watches."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Self

from ..events import Event, follows
from ..protocol import PING, PING_AFTER


class Frame:
    """A text to send to one client, or to all watchers of a task, and the outcomes in it."""

    __slots__ = ("outcomes", "size", "text")

    def __init__(self, text: str, *events: Event) -> None:
        self.text = text
        self.size = len(text) if text.isascii() else len(text.encode())
        self.outcomes = tuple(event for event in events if event.complete)


class Outbox:
    """Keeps the frames that wait for one client, until the sender pops them.

    A slow client skips events: a newer event replaces the waiting event of its task, so memory is
    limited by the number of watched tasks, and no client waits for another. An outcome is never
    replaced. Subclasses define ``_wake``, which is called when a frame waits.
    """

    __slots__ = ("_events", "_replies", "sent_at")

    def __init__(self, now: float) -> None:
        self._events: dict[str, Event] = {}
        self._replies: dict[Hashable, str] = {}
        self.sent_at = now  # when the client was last sent a frame, by the clock of the loop

    @property
    def waiting_replies(self) -> int:
        """The number of replies that wait."""
        return len(self._replies)

    def push(self, event: Event, frame: Frame, now: float) -> None:
        """Send or keep an event that a topic broadcasts; all its watchers share the frame."""
        self.offer(event)

    def offer(self, event: Event) -> None:
        """Keep an event until it is sent, unless a newer event of its task waits already."""
        waiting = self._events.get(event.task_id)
        if waiting is None or follows(waiting, event):
            self._events[event.task_id] = event
            self._wake()

    def reply(self, frame: str, *, about: Hashable = None) -> None:
        """Keep a frame that is not an event; it replaces a waiting reply with the same ``about``.

        Replies are sent before events and never dropped, so the caller must limit their number.
        """
        key = object() if about is None else about
        self._replies.pop(key, None)
        self._replies[key] = frame
        self._wake()

    def withdraw(self, task_id: str) -> None:
        """Drop the waiting event of this task."""
        self._events.pop(task_id, None)

    def ping(self, now: float) -> None:
        """Queue a ping if nothing was sent to the client for PING_AFTER seconds."""
        if now - self.sent_at >= PING_AFTER and not self._replies:
            self.reply(PING)

    def pop(self, now: float) -> tuple[str, Event | None] | None:
        """Remove and return the next frame, and its event if it has one; None if nothing waits."""
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
