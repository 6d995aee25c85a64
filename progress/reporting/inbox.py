"""Calls that any thread leaves for an event loop in another thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

TOGETHER = 0.1  # seconds that a call waits at most for others


class Inbox:
    """The calls wait here until the loop makes them, in the order in which they came."""

    def __init__(self) -> None:
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._gathering = False  # whether the loop looks here again by itself

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop. To be called before the first call is left."""
        self._loop = loop

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have the loop call the function now."""
        self._calls.append((function, arguments))
        self._rouse(self._take)

    def gather(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have the loop call it now, or together with others within 0.1 s.

        Each time the loop is woken costs the tasks' CPU, so a burst of calls wakes it once.
        """
        self._calls.append((function, arguments))
        if not self._gathering:
            self._gathering = True
            self._rouse(self._gather)

    def arguments(self) -> Iterator[Any]:
        """What the waiting calls are about."""
        return (each for _, arguments in self._calls for each in arguments)

    def _rouse(self, function: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(function)

    def _take(self) -> None:
        while self._calls:
            function, arguments = self._calls.popleft()
            function(*arguments)

    def _gather(self) -> None:
        self._gathering = False
        if self._calls:  # read after the flag: a caller saw the flag, or we see its call
            self._gathering = True
            self._loop.call_later(TOGETHER, self._gather)
            self._take()
