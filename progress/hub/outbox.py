"""One connection's outbox: of each task it watches the newest event not yet sent, nothing more."""

from __future__ import annotations

import asyncio
from typing import Self

from ..events import Event, follows
from ..protocol import PING, PING_AFTER

REPLIES = 32  # error frames that may wait for a client that does not read


class Frame:
    """A text to be sent, to one or to all who watch a task, and the outcomes in it."""

    __slots__ = ("outcomes", "size", "text")

    def __init__(self, text: str, *events: Event) -> None:
        self.text = text
        self.size = len(text) if text.isascii() else len(text.encode())
        self.outcomes = tuple(event for event in events if event.complete)


class Watcher:
    """What a topic tells events, and who sends them takes frames from when it is woken.

    A slow client skips events: the newer takes the place of the one that waits, so memory is
    bounded by the number of tasks watched, and nobody waits for anybody. An outcome is never
    replaced.
    """

    __slots__ = ("_events", "_replies", "heard_at")

    def __init__(self, now: float) -> None:
        self._events: dict[str, Event] = {}
        self._replies: tuple[str, ...] = ()
        self.heard_at = now  # when the client last got a frame, by the clock of the loop

    def tell(self, event: Event, frame: Frame, now: float) -> None:
        """An event to be sent, and it as a frame, for who can send it at once."""
        self.offer(event)

    def offer(self, event: Event) -> None:
        """An event to be sent, unless a newer one waits already."""
        waiting = self._events.get(event.task_id)
        if waiting is None or follows(waiting, event):
            self._events[event.task_id] = event
            self._wake()

    def reply(self, frame: str) -> None:
        """A frame that is no event; of too many that wait, the oldest are dropped."""
        self._replies = (*self._replies[1 - REPLIES :], frame)
        self._wake()

    def withdraw(self, task_id: str) -> None:
        """Nothing of this task is to be sent any more."""
        self._events.pop(task_id, None)

    def ping(self, now: float) -> None:
        """Say that the link is alive, if it was silent for long."""
        if now - self.heard_at >= PING_AFTER and not self._replies:
            self.reply(PING)

    def take(self, now: float) -> tuple[str, Event | None] | None:
        """The next frame to send, with its event if it is one; None when nothing waits."""
        if self._replies:
            self.heard_at = now
            frame, *rest = self._replies
            self._replies = tuple(rest)
            return frame, None
        if not self._events:
            return None
        self.heard_at = now
        event = self._events.pop(next(iter(self._events)))
        return event.text(), event

    def _wake(self) -> None:
        """Something waits to be taken."""
        raise NotImplementedError


class Frames(Watcher):
    """A watcher whose frames are waited for: ``async for text, event in frames``."""

    __slots__ = ("_now", "_offered")

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        super().__init__(self._now())
        self._offered = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, Event | None]:
        while (frame := self.take(self._now())) is None:
            self._offered.clear()
            await self._offered.wait()
        return frame

    def _wake(self) -> None:
        self._offered.set()
