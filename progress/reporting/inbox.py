"""A queue of calls: any thread adds them, and the event loop of another thread makes them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context
from typing import Any

TOGETHER = 0.1  # seconds; the longest time that a call waits for other calls


class Inbox:
    """Keeps calls until the event loop makes them, in the order in which they came."""

    def __init__(self) -> None:
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._gathering = False  # whether the loop will check for calls by itself
        # An empty one, since that of a caller would keep its run in memory.
        self._context = Context()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the event loop. Call this before any other method."""
        self._loop = loop

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Let the loop call the function as soon as possible."""
        self._calls.append((function, arguments))
        self._rouse(self._take)

    def gather(self, function: Callable[..., object], *arguments: Any) -> None:
        """Let the loop call the function now, or within 0.1 s together with other calls.

        Waking the loop costs CPU time of the tasks, so a burst of calls wakes it only once.
        """
        self._calls.append((function, arguments))
        if not self._gathering:
            try:
                self._gathering = True
                self._rouse(self._gather)
            except BaseException:  # a time limit, which Celery raises wherever the task is
                self._gathering = False  # or no later call would wake the loop
                raise

    def arguments(self) -> Iterator[Any]:
        """Yield the arguments of the waiting calls."""
        return (each for _, arguments in self._calls for each in arguments)

    def _rouse(self, function: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(function, context=self._context)

    def _take(self) -> None:
        while self._calls:
            function, arguments = self._calls.popleft()
            function(*arguments)

    def _gather(self) -> None:
        self._gathering = False
        if self._calls:  # checked after resetting the flag, or a call in between would be missed
            self._gathering = True
            self._loop.call_later(TOGETHER, self._gather)
            self._take()
