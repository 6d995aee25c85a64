"""Finds outcomes that Celery's result backend has and the store lacks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence, Set
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple
from zlib import crc32

from ..events import OUTCOMES, Event, State, ended, is_same_task
from ..loops import forever
from ..pools import DaemonPool
from ..store import Store, result_backend
from ..store.base import Known
from ..store.result_backend import SKEW
from .topics import is_overtaken

logger = logging.getLogger(__name__)

PAUSE = 30.0  # seconds without a read after the backend did not answer
GRACE = 1.0  # seconds that the run has to report the outcome itself, with its counts and result
TASKS_AT_ONCE = 20  # tasks in one batch; each takes one call to the result backend
BATCH_PAUSE = 0.5  # seconds between two batches
# A task that never had a run is read in one of seven slots of 5 s, the time between two checks.
SLOT, SLOTS = 5.0, 7

# Not asgiref's shared thread: a slow backend must not delay other database work.
_pool = DaemonPool(1, "progress-outcomes")
_paused_until = 0.0


class Answer(NamedTuple):
    """An outcome that Celery has recorded, and the store's event that put the task in doubt."""

    outcome: Event
    doubted: Event | None


class Outcomes:
    """Reads the result backend for tasks that are missing or stalled in the store.

    An outcome is written to the store, with the attempt and the counts of the newest event, which
    may be only what watchers saw: ``newest`` returns that. Then ``found`` is called with the task
    id and the event that the store has.
    """

    def __init__(
        self,
        store: Store,
        *,
        newest: Known,
        found: Callable[[str, Event | None], None],
    ) -> None:
        self._store = store
        self._newest = newest
        self._found = found
        self._doubtful: dict[str, Event | None] = {}  # of each task id, what the store had
        self._open: set[str] = set()  # tasks in doubt, until their outcome is read or known
        self._has_doubtful = asyncio.Event()
        self._answers: list[Answer] = []
        self._now = asyncio.get_running_loop().time
        self._has_answers = asyncio.Event()

    def loops(self) -> list[Coroutine[None, None, None]]:
        """Return two background loops for the caller to run: one reads, the other stores."""
        return [
            forever("Asking for outcomes", self._ask),
            forever("Storing outcomes", self._store_answers),
        ]

    def doubt(self, task_id: str, event: Event | None) -> None:
        """Read the result backend for this task soon, or every 35 s if it never had a run.

        A task that waits after a run has called replace(). If a step of the replacement fails,
        Celery ends the task without a signal. An outcome that was stored before the task was sent
        is ignored.
        """
        newest = _newest(event, self._newest(task_id))
        waits = newest is not None and newest.state is State.PENDING and not newest.run
        # A run that ends at once may store only its end; that names the worker.
        never_ran = waits and newest is not None and not newest.worker
        if never_ran and (int(self._now() // SLOT) + crc32(task_id.encode())) % SLOTS:
            return
        self._doubtful[task_id] = event
        self._open.add(task_id)
        self._has_doubtful.set()

    def trust(self, task_id: str) -> None:
        """Store no outcome of this task, since its watchers got one from the worker.

        The worker will store that outcome, with its counts.
        """
        self._doubtful.pop(task_id, None)
        self._open.discard(task_id)

    async def _ask(self) -> None:
        """Read the outcomes of one batch of tasks, in the order of the calls of :meth:`doubt`.

        Batches keep many unknown ids from delaying the outcomes of other tasks.
        """
        await self._has_doubtful.wait()
        some = list(islice(self._doubtful, TASKS_AT_ONCE))
        batch = {task_id: self._doubtful.pop(task_id) for task_id in some}
        if not self._doubtful:
            self._has_doubtful.clear()
        newest = {each: _newest(batch[each], self._newest(each)) for each in batch}
        sent = {task_id: event.published if event else 0 for task_id, event in newest.items()}
        outcomes = await recorded({task_id: sent[task_id] / 1e6 - SKEW for task_id in batch})
        self._answers += [
            Answer(replace(each, published=sent[each.task_id]), batch[each.task_id])
            for each in outcomes
        ]
        self._close(batch.keys() - {each.task_id for each in outcomes})
        if self._answers:
            self._has_answers.set()
        if self._doubtful:
            await asyncio.sleep(BATCH_PAUSE)

    async def _store_answers(self) -> None:
        """Store the outcomes. If that fails, the hub's next read finds the same tasks again."""
        await self._has_answers.wait()
        self._has_answers.clear()
        answers, self._answers = self._answers, []
        # Celery records an outcome before the worker's publisher sends it.
        await asyncio.sleep(GRACE)
        wanted = [each for each in answers if each.outcome.task_id in self._open]
        self._close({each.outcome.task_id for each in wanted})
        for task_id, event in (await settle(self._store, wanted, self._newest)).items():
            self._found(task_id, event)

    def _close(self, task_ids: Set[str]) -> None:
        self._open -= task_ids - self._doubtful.keys()


async def recorded(since: Mapping[str, float]) -> list[Event]:
    """Read the outcomes of these tasks from the result backend; ``since`` maps ids to times.

    After an error of the backend, returns nothing for the next 30 s.
    """
    answer: list[Event] = await _pool.run(_recorded, result_backend.application(), since)
    return answer


async def settle(store: Store, answers: Sequence[Answer], newest: Known) -> dict[str, Event]:
    """Store these outcomes of missing or stalled tasks; return the events that the store now has.

    It leaves out a task whose outcome the store has got meanwhile, a task whose id was used again,
    and a run that became stalled meanwhile. Raises the store's errors.
    """
    standing = await store.read([each.outcome.task_id for each in answers])
    events = []
    for outcome, doubted in answers:
        stands = standing.get(outcome.task_id)
        run = _newest(stands, newest(outcome.task_id)) or outcome
        in_doubt = is_doubtful(stands) and not _stalls_since(doubted, stands)
        if in_doubt and is_same_task(outcome, run):
            events.append(ended(run, outcome))
    stored = await store.put(events)
    return standing | {event.task_id: event for _, event in stored}


def is_doubtful(event: Event | None) -> bool:
    """Return whether Celery may have recorded an outcome that this event of the store lacks."""
    return event is None or event.stalled or event.state in {State.PENDING, State.RETRY}


def _newest(stands: Event | None, shown: Event | None) -> Event | None:
    """Return the store's event, or what watchers saw of a run that the store lacks."""
    if shown is not None and shown.run and (stands is None or is_overtaken(stands, shown)):
        return shown
    return stands


def _stalls_since(doubted: Event | None, standing: Event | None) -> bool:
    """Return whether the task was in doubt for another reason than that its run is stalled.

    After an outage of the store, a living run is stalled until its next heartbeat.
    """
    if standing is None or not standing.stalled:
        return False
    return doubted is None or not doubted.stalled or doubted.run != standing.run


def _recorded(app: Any, since: Mapping[str, float]) -> list[Event]:
    global _paused_until  # noqa: PLW0603 - one backend per process
    if time.monotonic() < _paused_until:
        return []
    try:
        events = [
            result_backend.read_outcome(id_, since=when, app=app) for id_, when in since.items()
        ]
    except Exception as error:
        _paused_until = time.monotonic() + PAUSE
        logger.warning("The result backend does not answer; paused for %d s: %r", PAUSE, error)
        return []
    return [event for event in events if event.state in OUTCOMES]
