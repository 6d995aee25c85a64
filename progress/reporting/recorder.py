"""What a task calls to say where it stands. Writes to memory; nothing here raises or waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

from celery import current_task

from ..store import result_backend
from .current import adopt, get_publisher
from .runs import Run

logger = logging.getLogger("progress")

#: Seconds between two writes of PROGRESS to the result backend: with the publisher's tick and the
#: task's next report that makes at least one a second.
RESULT_INTERVAL = 0.85

T = TypeVar("T")


class ProgressRecorder:
    """The observer of one running task, to be made in the task and passed to plain code.

    A call costs well under a microsecond: it leaves the newest state in memory, from where the
    process's publisher takes it at most ten times a second (PROGRESS_INTERVAL). Once a second a
    call also writes PROGRESS to the result backend (`results.record`: about 0.3 ms). It never
    raises, and Redis being away costs it nothing.

    Outside a running task, or in an eager one, calls do no harm.
    """

    __slots__ = ("_run", "_task")

    def __init__(self, task: Any) -> None:
        self._task = task
        self._run = _run_of(task)

    def set_progress(self, current: Any, total: Any, description: Any = "") -> None:
        """``current`` of ``total`` is done; ``total`` None: nobody knows of how many.

        An empty description leaves the last one; it is cut at 512 characters. Amounts are finite
        numbers at or above zero; what is not is dropped, and said once in the log.
        """
        run = self._run
        try:
            run.said = (current, total, description or run.said[2])
        except Exception:  # an array has no truth
            run.said = (current, total, description)
        if run.attend:
            self._attend()

    def increment_progress(self, by: Any = 1, description: Any = "") -> None:
        """``by`` more is done. Not atomic: of threads that share a recorder, one may win."""
        current, total, _ = self._run.said
        try:
            current = current + by
        except Exception as error:
            logger.warning("Progress cannot grow by a %s: %.80r", type(by).__name__, error)
        self.set_progress(current, total, description)

    def _attend(self) -> None:
        run, publisher = self._run, get_publisher()
        run.attend = False
        if publisher is None:
            return
        if run.publisher is publisher:
            publisher.wake(run)
        else:  # this process was forked from the one in which the task began
            adopt(run)
        now = time.monotonic()
        if now >= run.result_at:
            run.result_at = now + RESULT_INTERVAL
            event = run.event(run.state)
            meta = {
                "pending": False,
                "current": event.current,
                "total": event.total,
                "percent": event.percent,
                "description": event.description,
            }
            result_backend.record(self._task, meta)


def track(
    iterable: Iterable[T], total: float | None = None, description: str = "", *, task: Any = None
) -> Iterator[T]:
    """Give the items one by one and report how many are done.

    ``total`` defaults to ``len(iterable)``, and where there is none the amount is unknown.
    Reports to ``task``, or to the Celery task that is running, or to nobody.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    recorder = ProgressRecorder(task or current_task)
    return _track(iterable, total, description, recorder)


def _track(
    iterable: Iterable[T], total: float | None, description: str, recorder: ProgressRecorder
) -> Iterator[T]:
    recorder.set_progress(0, total, description)
    run, attend = recorder._run, recorder._attend
    description = run.said[2]
    for done, item in enumerate(iterable, start=1):
        yield item
        run.said = (done, total, description)
        if run.attend:
            attend()


def _run_of(task: Any) -> Run:
    request: Any = getattr(task, "request", None)
    run = getattr(request, "progress_run", None)
    if isinstance(run, Run):
        return run
    task_id = getattr(request, "id", None)
    if task_id and not request.is_eager:
        logger.warning(
            "Task %.200r reports to nobody: INSTALLED_APPS of the worker lacks 'progress'",
            task_id,
        )
    return Run(task_id or "")
