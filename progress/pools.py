"""Threads for blocking calls; these threads never keep the process from ending."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any


class DaemonPool:
    """Runs blocking calls in at most ``size`` threads, in the order in which they came.

    At its exit the interpreter waits for the threads of a ``ThreadPoolExecutor``, so one call that
    hangs keeps a stopped server alive for ever. For these daemon threads it does not wait.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._threads = 0
        self._lock = threading.Lock()

    async def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        within: float | None = None,
        queued: float | None = None,
    ) -> Any:
        """Call the function in a thread and return what it returns.

        Raises what the function raises. Raises TimeoutError when the function takes longer than
        ``within`` seconds, counted from its start, or when no thread was free for ``queued``
        seconds. A function that has started runs on after a timeout, and keeps its thread.
        """
        call = _Call(function, args)
        self._calls.put(call)
        self._start_thread()
        answer = asyncio.wrap_future(call.future)
        try:
            while not answer.done():
                left = call.seconds_left(within, queued)
                if left is not None and left <= 0:
                    raise TimeoutError
                # The call may start during this wait, and then has a new limit.
                limits = [each for each in (left, within) if each is not None]
                await asyncio.wait([answer], timeout=min(limits, default=None))
            return answer.result()
        finally:
            call.future.cancel()  # a call that has not started never starts

    def _start_thread(self) -> None:
        with self._lock:
            if self._threads < self._size:
                name = f"{self._name}_{self._threads}"
                self._threads += 1
                threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            self._calls.get().run()


class _Call:
    """A call that waits for a thread, or runs in one."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.future: Future[Any] = Future()
        self._function = function
        self._args = args
        self._queued_at = time.monotonic()
        self._started_at: float | None = None

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        self._started_at = time.monotonic()
        try:
            self.future.set_result(self._function(*self._args))
        except BaseException as error:  # the caller gets any exception
            self.future.set_exception(error)

    def seconds_left(self, within: float | None, queued: float | None) -> float | None:
        """Return seconds until the present limit is over; None without a limit."""
        began, limit = self._started_at, within
        if began is None:
            began, limit = self._queued_at, queued
        return None if limit is None else began + limit - time.monotonic()
