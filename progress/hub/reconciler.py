"""What the channel layer dropped, the store still has: when to look, and at what."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice

from .. import conf
from ..events import Event
from ..loops import forever
from ..store.base import Known, Store
from .outcomes import is_doubtful, recorded, settle

CONFIRM_AFTER = 1.0  # seconds from joining a group to the second look
SETTLED_AT_ONCE = 20  # tasks asked for in one go: each is a call to the result backend
SETTLE_PAUSE = 0.5  # seconds from one go to the next
#: Of PROGRESS_RECONCILE, from one look at all to the next; the rest is for the answer's way.
LOOK_AFTER = 0.9


class Reconciler:
    """Looks at the store for each task that is joined, again a second later, and all regularly.

    One batched read a look, whatever the number of tasks; of what stands as ``known`` no text is
    sent. ``found`` is called with each id that was looked at and the event that stands, or None.
    When the store does not answer, what was to be looked at is kept for the next try.
    """

    def __init__(
        self,
        store: Store,
        *,
        watched: Callable[[], Iterable[str]],
        known: Known,
        found: Callable[[str, Event | None], None],
    ) -> None:
        self._store = store
        self._watched = watched
        self._newest = known
        self._found = found
        self._period = conf.reconcile() * LOOK_AFTER
        self._due_in = 2 * conf.heartbeat()
        self._silent_since: dict[str, float] = {}
        self._now = asyncio.get_running_loop().time
        self._next = self._now() + self._period
        self._due: dict[str, None] = {}
        self._confirm: deque[tuple[float, str]] = deque()
        self._wake = asyncio.Event()
        self._doubtful: dict[str, None] = {}
        self._doubt = asyncio.Event()
        self._outcomes: list[Event] = []
        self._known = asyncio.Event()

    def tasks(self) -> list[asyncio.Task[None]]:
        """Start; the caller cancels what it gets."""
        loop = asyncio.get_running_loop()
        return [
            loop.create_task(forever("Reading the progress store", self._look)),
            loop.create_task(forever("Asking for outcomes", self._ask)),
            loop.create_task(forever("Storing outcomes", self._settle)),
            loop.create_task(forever("Ending lost runs", self._reap)),
        ]

    def look(self, task_id: str) -> None:
        """Look at this task now, and again in a second.

        On pub/sub a join returns before Redis has it: an event between the first look and then
        is lost, and found by the second.
        """
        self._due[task_id] = None
        self._confirm.append((self._now() + CONFIRM_AFTER, task_id))
        self._wake.set()

    async def _look(self) -> None:
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
                event = events.get(task_id)
                self._found(task_id, event)
                if is_doubtful(event):
                    self._doubtful[task_id] = None
                    self._doubt.set()

    async def _reap(self) -> None:
        """End what is silent at two looks with signs of life due between them.

        Not at the first: after a failure Redis may be back with scores as old as the failure is
        long, and the workers are about to say that they live.
        """
        await asyncio.sleep(self._period)
        now, known = self._now(), self._silent_since
        silent = {id_: known.get(id_, now) for id_ in await self._store.silent()}
        self._silent_since = silent
        await self._store.lose([id_ for id_, since in silent.items() if now - since > self._due_in])

    async def _ask(self) -> None:
        """Celery's own record may know what became of a task that is missing or stalled.

        A few at a time, each in its turn: an id that nobody knows must not keep others waiting.
        """
        await self._doubt.wait()
        turn = list(islice(self._doubtful, SETTLED_AT_ONCE))
        for task_id in turn:
            del self._doubtful[task_id]
        if not self._doubtful:
            self._doubt.clear()
        self._outcomes += await recorded(turn)
        if self._outcomes:
            self._known.set()
        if self._doubtful:
            await asyncio.sleep(SETTLE_PAUSE)

    async def _settle(self) -> None:
        """Store what Celery knew; when the store does not answer, the next look doubts again."""
        await self._known.wait()
        self._known.clear()
        outcomes, self._outcomes = self._outcomes, []
        for task_id, event in (await settle(self._store, outcomes)).items():
            self._found(task_id, event)

    async def _wait(self) -> None:
        until = min(self._next, self._confirm[0][0] if self._confirm else self._next)
        if not self._due:
            try:
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
            except TimeoutError:
                return
        self._wake.clear()
