"""Runs an asynchronous generator in a thread, for blocking code."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def from_thread(source: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """Yield the items of an asynchronous generator, which runs in a thread of its own.

    Raises what the source raises. The source and the thread end when the iteration ends, when the
    caller closes this generator, or when the interpreter exits.
    """
    thread = _Thread(source)
    try:
        while item := thread.next():
            yield item[0]
    finally:
        thread.close()


class _Thread(Generic[T]):
    """Runs the source in a daemon thread, since the interpreter waits for all other threads."""

    def __init__(self, source: AsyncGenerator[T, None]) -> None:
        self._source = source
        self._loop = asyncio.new_event_loop()
        serve = self._loop.run_forever
        self._thread = threading.Thread(target=serve, name="progress-client", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def next(self) -> tuple[T] | None:
        """Return the next item in a tuple, or None after the last."""
        return self._run(self._next())

    def close(self) -> None:
        """Close the source, then end the thread. A second call does nothing."""
        atexit.unregister(self.close)
        if self._thread.is_alive():  # not in a process that was forked from this one
            self._run(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _next(self) -> tuple[T] | None:
        try:
            return (await anext(self._source),)
        except StopAsyncIteration:
            return None

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:  # an interrupted caller leaves a task that waits for an item
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._source.aclose()
