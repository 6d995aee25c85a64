"""One connection's outbox: of each task it watches the newest event not yet sent, nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from .events import Event, follows
from .protocol import PING, PING_AFTER

REPLIES = 32  # error frames that may wait for a client that does not read


class Watcher:
    """What a hub offers events to, and who sends them takes frames from when ``wake`` is called.

    A slow client skips events: the newer takes the place of the one that waits, so memory is
    bounded by the number of tasks watched, and nobody waits for anybody. An outcome is never
    replaced.
    """

    __slots__ = ("_events", "_now", "_replies", "_wake", "heard_at")

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._now = asyncio.get_running_loop().time
        self._events: dict[str, Event] = {}
        self._replies: list[str] = []
        self.heard_at = self._now()  # when the client last got a frame

    def offer(self, event: Event) -> None:
        """An event to be sent, unless a newer one waits already."""
        waiting = self._events.get(event.task_id)
        if waiting is None or follows(waiting, event):
            self._events[event.task_id] = event
            self._wake()

    def reply(self, frame: str) -> None:
        """A frame that is no event; of too many that wait, the oldest are dropped."""
        self._replies = [*self._replies[1 - REPLIES :], frame]
        self._wake()

    def withdraw(self, task_id: str) -> None:
        """Nothing of this task is to be sent any more."""
        self._events.pop(task_id, None)

    def ping(self, now: float) -> None:
        """Say that the link is alive, if it was silent for long."""
        if now - self.heard_at >= PING_AFTER and not self._replies:
            self.reply(PING)

    def take(self) -> tuple[str, Event | None] | None:
        """The next frame to send, with its event if it is one; None when nothing waits."""
        if self._replies:
            self.heard_at = self._now()
            return self._replies.pop(0), None
        if not self._events:
            return None
        self.heard_at = self._now()
        event = self._events.pop(next(iter(self._events)))
        return event.text(), event


class Frames(Watcher):
    """A watcher whose frames are waited for: ``async for text, event in frames``."""

    __slots__ = ("_offered",)

    def __init__(self) -> None:
        self._offered = asyncio.Event()
        super().__init__(self._offered.set)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, Event | None]:
        while (frame := self.take()) is None:
            self._offered.clear()
            await self._offered.wait()
        return frame
