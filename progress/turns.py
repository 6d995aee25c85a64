"""Calls what is due, some in each turn of the loop, so that a wide fan-out holds nothing up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

AT_ONCE = 100  # calls in one turn: 2 to 5 ms, when each sends a frame


class Turns:
    """The calls that are due in one event loop, in the order in which they became so."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: deque[Callable[[], None]] = deque()
        self._called = False

    def add(self, call: Callable[[], None]) -> None:
        """Call it soon, outside of any task."""
        self._due.append(call)
        if not self._called:
            self._called = True
            self._loop.call_soon(self._take)

    def _take(self) -> None:
        try:
            for _ in range(min(AT_ONCE, len(self._due))):
                self._due.popleft()()
        finally:  # an error is one call's, and the loop's to report
            self._called = bool(self._due)
            if self._called:
                self._loop.call_soon(self._take)
