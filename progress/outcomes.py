"""What Celery's own record says of tasks that the store lost sight of."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from . import results
from .events import OUTCOMES, Event, ended
from .store import Store

logger = logging.getLogger("progress")

PAUSE = 30.0  # seconds without asking after the backend did not answer

# Not the process-wide thread of asgiref: a slow backend must not hold up anybody's database.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="progress-outcomes")
_paused_until = 0.0


async def settle(store: Store, doubtful: Mapping[str, Event | None]) -> dict[str, Event]:
    """Store the outcomes that the result backend has for tasks missing or stalled in the store.

    What stands then, for the tasks of which an outcome was found.
    A backend that is away is left alone for half a minute. Raises what the store raises.
    """
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_thread, _recorded, list(doubtful))
    events = [ended(doubtful[outcome.task_id] or outcome, outcome) for outcome in found]
    answers = await store.put(events)
    return {event.task_id: event for _, event in answers}


def _recorded(task_ids: list[str]) -> list[Event]:
    global _paused_until  # noqa: PLW0603 - one backend a process
    if time.monotonic() < _paused_until:
        return []
    try:
        events = [results.recorded(task_id) for task_id in task_ids]
    except Exception as error:
        _paused_until = time.monotonic() + PAUSE
        logger.warning("The result backend tells no outcomes for %d s: %r", PAUSE, error)
        return []
    return [event for event in events if event.state in OUTCOMES]
