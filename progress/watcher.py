"""One websocket's outbox: of each task it watches the newest event not yet sent, nothing more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from .events import Event, follows
from .protocol import PING, PING_AFTER

REPLIES = 32  # error frames that may wait for a client that does not read


class Watcher:
    """What a hub offers events to, and a consumer takes frames from.

    A slow client skips events: the newer takes the place of the one that waits, so memory is
    bounded by the number of tasks watched, and nobody waits for anybody. An outcome is never
    replaced.
    """

    __slots__ = ("_events", "_replies", "_wake", "heard_at")

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self._replies: deque[str] = deque(maxlen=REPLIES)
        self._wake = asyncio.Event()
        self.heard_at = asyncio.get_running_loop().time()  # when the client last got a frame

    def offer(self, event: Event) -> None:
        """An event to be sent, unless a newer one waits already."""
        waiting = self._events.get(event.task_id)
        if waiting is None or follows(waiting, event):
            self._events[event.task_id] = event
            self._wake.set()

    def reply(self, frame: str) -> None:
        """A frame that is no event."""
        self._replies.append(frame)
        self._wake.set()

    def withdraw(self, task_id: str) -> None:
        """Nothing of this task is to be sent any more."""
        self._events.pop(task_id, None)

    def ping(self, now: float) -> None:
        """Say that the link is alive, if it was silent for long."""
        if now - self.heard_at >= PING_AFTER and not self._replies:
            self.reply(PING)

    async def frames(self) -> AsyncIterator[tuple[str, Event | None]]:
        """The frames to send, as they come, each with its event if it is one."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._replies or self._events:
                self.heard_at = loop.time()
                if self._replies:
                    yield self._replies.popleft(), None
                else:
                    event = self._events.pop(next(iter(self._events)))
                    yield event.text(), event
