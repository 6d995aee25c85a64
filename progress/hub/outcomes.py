"""Outcomes that only Celery's result backend knows, of tasks that the store lost sight of."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from itertools import islice

from ..events import OUTCOMES, Event, State, ended
from ..loops import forever
from ..pools import DaemonPool
from ..store import Store, result_backend

logger = logging.getLogger(__name__)

PAUSE = 30.0  # seconds without a question after the backend did not answer
GRACE = 1.0  # seconds in which the run itself, which knows its counts and result, may report first
TASKS_AT_ONCE = 20  # tasks of one batch: each is a call to the result backend
BATCH_PAUSE = 0.5  # seconds between two batches

# Not the process-wide thread of asgiref: a slow backend must not hold up other database work.
_pool = DaemonPool(1, "progress-outcomes")
_paused_until = 0.0


class Outcomes:
    """Asks the result backend for tasks that are missing or stalled in the store.

    ``found`` is called with each task id whose outcome was stored, and the event that stands then.
    """

    def __init__(self, store: Store, found: Callable[[str, Event | None], None]) -> None:
        self._store = store
        self._found = found
        self._doubtful: dict[str, None] = {}
        self._has_doubtful = asyncio.Event()
        self._answers: list[Event] = []
        self._has_answers = asyncio.Event()

    def loops(self) -> list[Coroutine[None, None, None]]:
        """The background loops; the caller runs them. A slow backend does not delay the second."""
        return [
            forever("Asking for outcomes", self._ask),
            forever("Storing outcomes", self._store_answers),
        ]

    def doubt(self, task_id: str) -> None:
        """Ask for this task soon."""
        self._doubtful[task_id] = None
        self._has_doubtful.set()

    async def _ask(self) -> None:
        """Ask for one batch, the longest waiting first.

        In batches, so that many ids that nobody knows do not keep others waiting.
        """
        await self._has_doubtful.wait()
        batch = list(islice(self._doubtful, TASKS_AT_ONCE))
        for task_id in batch:
            del self._doubtful[task_id]
        if not self._doubtful:
            self._has_doubtful.clear()
        self._answers += await recorded(batch)
        if self._answers:
            self._has_answers.set()
        if self._doubtful:
            await asyncio.sleep(BATCH_PAUSE)

    async def _store_answers(self) -> None:
        """If the store does not answer, the next read of the store doubts these tasks again."""
        await self._has_answers.wait()
        self._has_answers.clear()
        answers, self._answers = self._answers, []
        for task_id, event in (await settle(self._store, answers)).items():
            self._found(task_id, event)


async def recorded(task_ids: Sequence[str]) -> list[Event]:
    """Read the outcomes that the result backend has of these tasks.

    A backend that does not answer is not asked again for half a minute.
    """
    answer: list[Event] = await _pool.run(_recorded, task_ids)
    return answer


async def settle(store: Store, outcomes: Sequence[Event]) -> dict[str, Event]:
    """Store these outcomes of tasks that are missing or stalled; return what stands then.

    Celery has an outcome before the worker's publisher can have sent it, so the publisher gets a
    second. Raises the store's errors.
    """
    await asyncio.sleep(GRACE)
    standing = await store.read([outcome.task_id for outcome in outcomes])
    events = [
        ended(standing.get(outcome.task_id, outcome), outcome)
        for outcome in outcomes
        if is_doubtful(standing.get(outcome.task_id))
    ]
    answers = await store.put(events)
    return standing | {event.task_id: event for _, event in answers}


def is_doubtful(event: Event | None) -> bool:
    """Whether Celery's record may know more than this event of the store.

    Celery ends a task that was replaced without a signal, if a step of its replacement fails: the
    task waits, and has had a run.
    """
    if event is None or event.stalled:
        return True
    return event.state is State.PENDING and event.run > 0


def _recorded(task_ids: Sequence[str]) -> list[Event]:
    global _paused_until  # noqa: PLW0603 - one backend per process
    if time.monotonic() < _paused_until:
        return []
    try:
        events = [result_backend.read_outcome(task_id) for task_id in task_ids]
    except Exception as error:
        _paused_until = time.monotonic() + PAUSE
        logger.warning("The result backend is not asked for outcomes for %d s: %r", PAUSE, error)
        return []
    return [event for event in events if event.state in OUTCOMES]
