"""What Celery's own record says of tasks that the store lost sight of."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..events import OUTCOMES, Event, ended
from ..store import Store, result_backend

logger = logging.getLogger("progress")

PAUSE = 30.0  # seconds without asking after the backend did not answer
GRACE = 1.0  # seconds in which the run itself, which knows its counts and result, may speak first

# Not the process-wide thread of asgiref: a slow backend must not hold up anybody's database.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="progress-outcomes")
_paused_until = 0.0


async def recorded(task_ids: Sequence[str]) -> list[Event]:
    """The outcomes that the result backend has of these tasks.

    A backend that is away is left alone for half a minute.
    """
    return await asyncio.get_running_loop().run_in_executor(_thread, _recorded, task_ids)


async def settle(store: Store, outcomes: Sequence[Event]) -> dict[str, Event]:
    """Store these outcomes, of tasks that are missing or stalled in the store; what stands then.

    Celery has an outcome before the worker's publisher can have told it, so a second is left to
    that. Raises what the store raises.
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
    """Whether Celery's record may know more than this, which stands."""
    return event is None or event.stalled


def _recorded(task_ids: Sequence[str]) -> list[Event]:
    global _paused_until  # noqa: PLW0603 - one backend a process
    if time.monotonic() < _paused_until:
        return []
    try:
        events = [result_backend.read_outcome(task_id) for task_id in task_ids]
    except Exception as error:
        _paused_until = time.monotonic() + PAUSE
        logger.warning("The result backend tells no outcomes for %d s: %r", PAUSE, error)
        return []
    return [event for event in events if event.state in OUTCOMES]
