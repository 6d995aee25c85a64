"""Reads the store to recover events that the channel layer lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from ..events import Event
from ..loops import forever
from ..store.base import Known, Store

CONFIRM_AFTER = 1.0  # seconds from joining a group to the second read


class Reconciler:
    """Reads all watched tasks every ``period`` seconds, and a new task at once and after 1 s.

    Each read is one batch, whatever the number of tasks. ``newest`` returns the event that the hub
    has of a task; the store sends only newer events. ``found`` is called with
    each task id and the store's event, or None. If the store does not answer, the next try reads
    the same tasks.
    """

    def __init__(
        self,
        store: Store,
        *,
        period: float,
        watched: Callable[[], Iterable[str]],
        newest: Known,
        found: Callable[[str, Event | None], None],
    ) -> None:
        self._store = store
        self._period = period
        self._watched = watched
        self._newest = newest
        self._found = found
        self._now = asyncio.get_running_loop().time
        self._next = self._now() + period
        self._due: dict[str, None] = {}
        self._confirm: deque[tuple[float, str]] = deque()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Run until cancelled."""
        await forever("Reading the progress store", self._read_due)

    def check(self, task_id: str) -> None:
        """Read this task now, and again in a second.

        With Redis pub/sub, joining a group returns before Redis has processed it. An event that is
        sent between the first read and that moment is lost; the second read finds it.
        """
        self._due[task_id] = None
        self._confirm.append((self._now() + CONFIRM_AFTER, task_id))
        self._wake.set()

    async def _read_due(self) -> None:
        await self._wait()
        now = self._now()
        while self._confirm and self._confirm[0][0] <= now:
            self._due[self._confirm.popleft()[1]] = None
        if now >= self._next:
            self._next = now + self._period
            self._due |= dict.fromkeys(self._watched())
        if self._due:
            task_ids = list(self._due)
            events = await self._store.read(task_ids, self._newest)
            for task_id in task_ids:
                del self._due[task_id]
                self._found(task_id, events.get(task_id))

    async def _wait(self) -> None:
        """Wait until a read is due, or until :meth:`check` is called."""
        until = min(self._next, self._confirm[0][0] if self._confirm else self._next)
        if not self._due:
            try:
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
            except TimeoutError:
                return
        self._wake.clear()
