"""Runs ready senders in order, at most 100 frames per event-loop iteration.

So a broadcast to many watchers never blocks the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

FRAMES_PER_TURN = 100  # sending them takes 2 to 5 ms
GATHER = 0.08  # seconds that a gathering sender waits for more events; below PROGRESS_INTERVAL


class Sender(Protocol):
    """An object with frames to send."""

    def send_up_to(self, limit: int) -> int:
        """Send at most ``limit`` frames, and return how many were sent.

        A sender with more frames adds itself again. No asyncio task runs during the call.
        """


class Turns:
    """The senders of one event loop that are ready, in the order in which they became ready."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Sender] = deque()
        self._scheduled = False
        self._later: list[Sender] = []
        self.now = self._loop.time

    def add(self, sender: Sender) -> None:
        """Run this sender soon."""
        self._ready.append(sender)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def add_later(self, sender: Sender) -> None:
        """Run this sender within GATHER seconds, together with the other gathering senders."""
        if not self._later:
            self._loop.call_later(GATHER, self._add_all)
        self._later.append(sender)

    def _add_all(self) -> None:
        later, self._later = self._later, []
        for sender in later:
            self.add(sender)

    def _run(self) -> None:
        left = FRAMES_PER_TURN
        try:
            while self._ready and left > 0:
                left -= self._ready.popleft().send_up_to(left)
        finally:  # the loop reports an error of one sender, and the others still run
            self._scheduled = bool(self._ready)
            if self._scheduled:
                self._loop.call_soon(self._run)
