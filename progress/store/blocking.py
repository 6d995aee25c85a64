"""Reads the newest event of a task from code that is not asynchronous, such as a template."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time

from .. import conf
from ..events import Event
from . import Store, open_store

logger = logging.getLogger(__name__)

WITHIN = 0.3  # seconds that a page waits for the store
PAUSE = 5.0  # seconds without a read after the store did not answer: a page may have many bars


class Reader:
    """A thread with an event loop, which keeps one connection to each store that it reads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stores: dict[str | None, Store] = {}
        self._paused_until = 0.0
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="progress-read", daemon=True
        )
        self._thread.start()

    def read(self, task_id: str) -> Event | None:
        """Return the task's newest event; None for an unknown task, or without an answer."""
        if time.monotonic() < self._paused_until:
            return None
        answer = asyncio.run_coroutine_threadsafe(self._read(task_id), self._loop)
        try:
            return answer.result(WITHIN)
        except Exception as error:  # whatever it is, a page must not fail for its first picture
            answer.cancel()
            self._paused_until = time.monotonic() + PAUSE
            logger.warning("Bars are drawn without their state for %d s: %r", PAUSE, error)
            return None

    def close(self) -> None:
        """Close the connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        for store in self._stores.values():
            await store.aclose()
        await asyncio.sleep(0)  # asyncio closes a socket in its next turn

    async def _read(self, task_id: str) -> Event | None:
        url = conf.redis_url()
        if url not in self._stores:
            self._stores[url] = open_store()
        return (await self._stores[url].read([task_id])).get(task_id)


def newest(task_id: str) -> Event | None:
    """Return the newest event of the task; None if the store has none.

    Waits at most 0.3 s. If the store does not answer, it logs a warning, returns None, and asks
    again after 5 s. Never raises, and may be called in any thread.
    """
    with _lock:
        if not _shared:
            _shared.append(Reader())
        reader = _shared[0]
    return reader.read(task_id)


def close() -> None:
    """Close what :func:`newest` has opened; its next call opens it again."""
    while _shared:
        _shared.pop().close()


_shared: list[Reader] = []  # empty, or the reader of this process
_lock = threading.Lock()


def _forget() -> None:
    """Begin afresh in a child process, which has no threads of its parent."""
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()
    _shared.clear()


os.register_at_fork(after_in_child=_forget)
