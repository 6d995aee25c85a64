"""Who is due has a turn, some in each of the loop, so that a wide fan-out holds nothing up."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

AT_ONCE = 100  # frames in one turn: 2 to 5 ms
GATHER = 0.08  # seconds that who gathers waits at most for more; below PROGRESS_INTERVAL


class Due(Protocol):
    """What wants a turn."""

    def take_turn(self, most: int) -> int:
        """Send at most so many frames; how many it were. Who has more to send is added again.

        Called outside of any task.
        """


class Turns:
    """Who is due in one event loop, in the order in which they became so."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: deque[Due] = deque()
        self._called = False
        self._later: list[Due] = []
        self.now = self._loop.time

    def add(self, due: Due) -> None:
        """Give it a turn soon."""
        self._due.append(due)
        if not self._called:
            self._called = True
            self._loop.call_soon(self._take)

    def add_later(self, due: Due) -> None:
        """Give it a turn within GATHER, together with all others that wait for one."""
        if not self._later:
            self._loop.call_later(GATHER, self._take_later)
        self._later.append(due)

    def _take_later(self) -> None:
        later, self._later = self._later, []
        for due in later:
            self.add(due)

    def _take(self) -> None:
        left = AT_ONCE
        try:
            while self._due and left > 0:
                left -= self._due.popleft().take_turn(left)
        finally:  # an error is one's own, and the loop's to report
            self._called = bool(self._due)
            if self._called:
                self._loop.call_soon(self._take)
