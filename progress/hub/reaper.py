"""Ends a run with FAILURE when its worker is gone for good."""

from __future__ import annotations

import asyncio

from .. import conf
from ..loops import forever
from ..store import Store


class Reaper:
    """Ends a run if two reads in a row find no heartbeat for PROGRESS_LOST_AFTER seconds.

    Two heartbeats are due between the two reads. One read is not enough: after an outage of Redis
    the stored heartbeats are old, while the workers are alive and about to send new ones.
    """

    def __init__(self, store: Store, period: float) -> None:
        self._store = store
        self._period = period
        self._patience = 2 * conf.heartbeat()  # seconds
        self._now = asyncio.get_running_loop().time
        self._silent_since: dict[str, float] = {}

    async def run(self) -> None:
        """Run until cancelled."""
        await forever("Ending lost runs", self._reap)

    async def _reap(self) -> None:
        await asyncio.sleep(self._period)
        now, before = self._now(), self._silent_since
        silent = {task_id: before.get(task_id, now) for task_id in await self._store.silent()}
        self._silent_since = silent
        lost = [task_id for task_id, since in silent.items() if now - since > self._patience]
        await self._store.lose(lost)
