"""What a task calls to report where it stands; it writes to memory, and never raises or waits."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import suppress
from math import isfinite
from typing import Any, TypeVar, overload

from celery import current_task

from ..store.result_backend import Trouble, write_progress
from .current import adopt, current_publisher
from .runs import Around, Run, Said, around, find_run

#: Seconds between two writes of PROGRESS to the result backend: with the publisher's tick and the
#: task's next report that makes at least one a second.
RESULT_INTERVAL = 0.85

T = TypeVar("T")


class ProgressRecorder:
    """The observer of one running task, which a task makes and passes to plain code.

    A call costs well under a microsecond: it leaves the newest state in memory, where the process's
    publisher takes it at most ten times a second (PROGRESS_INTERVAL). Once a second a call also
    writes PROGRESS to the result backend (about 0.3 ms). It never raises, and costs nothing while
    Redis is away.

    It may be used in threads and greenlets that the task starts. Each recorder counts for itself:
    :meth:`increment_progress` adds to what this recorder reported last. Outside a running task its
    calls do nothing.
    """

    __slots__ = ("_last", "_run")

    def __init__(self, task: Any) -> None:
        self._run = find_run(task)
        self._last = self._run.said

    def set_progress(self, current: Any, total: Any, description: Any = "") -> None:
        """Report that ``current`` of ``total`` is done; None as total means an unknown amount.

        An empty description keeps the last one; it is cut at 512 characters. Amounts are finite
        numbers from 0 on; a value that cannot be used leaves the last usable one, and is logged
        once.
        """
        run = self._run
        if type(description) is not str:
            description = _said_now(run, description)
        run.said = self._last = (current, total, description or run.said[2], None)
        if run.attend:
            attend(run)

    def increment_progress(self, by: Any = 1, description: Any = "") -> None:
        """Report that ``by`` more is done. Not atomic: threads sharing a recorder may lose one."""
        current, total, *_ = self._last
        grown = _sum(current, by)
        if grown is None:
            self._run.warn(f"current cannot grow by a {type(by).__name__}")
            grown = _sum(current, 0)
        if grown is None:
            grown = self._run.usable[0]
        self.set_progress(grown, total, description)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as a recorder of the same run, which that process adopts."""
        run = self._run
        return _rebuilt, (run.task_id, run.attempt, run.published, run.worker, run.said)


def attend(run: Run) -> None:
    """Wake the publisher, and write to the result backend if that is due."""
    publisher = current_publisher()
    run.attend = False
    if publisher is None or run.concluded:
        return
    if run.publisher is publisher:
        publisher.wake(run)
    else:  # this process was forked from the one in which the task began
        adopt(run)
    now = time.monotonic()
    if now >= run.result_at and run.task is not None:
        run.result_at = now + RESULT_INTERVAL
        event = run.event(run.state)
        meta = {
            "pending": False,
            "current": event.current,
            "total": event.total,
            "percent": event.percent,
            "description": event.description,
        }
        run.trouble = run.trouble or Trouble()
        write_progress(run.task, run.request, meta, run.trouble)


@overload
def track(
    iterable: Iterable[T], total: Any = None, description: Any = "", *, task: Any = None
) -> Iterator[T]: ...
@overload
def track(
    iterable: AsyncIterable[T], total: Any = None, description: Any = "", *, task: Any = None
) -> AsyncIterator[T]: ...
def track(
    iterable: Any, total: Any = None, description: Any = "", *, task: Any = None
) -> Iterator[Any] | AsyncIterator[Any]:
    """Give the items one by one and report how many are done; also for ``async for``.

    ``total`` defaults to ``len(iterable)``; where that is missing or fails, the amount is unknown.
    Reports to ``task``, or to the Celery task that is running, or to nobody. Inside a loop that
    another :func:`track` or a recorder counts, it is a part: current, total and description are
    the part's, and the percent is of the whole.
    """
    if total is None:
        total = _length(iterable)
    recorder = ProgressRecorder(task or current_task)
    if hasattr(iterable, "__aiter__") and not hasattr(iterable, "__iter__"):
        return _track_async(iterable, total, description, recorder)
    return _track(iterable, total, description, recorder)


def _track(
    iterable: Iterable[T], total: Any, description: Any, recorder: ProgressRecorder
) -> Iterator[T]:
    run, outer, description = _begin(recorder, total, description)
    try:
        for done, item in enumerate(iterable, start=1):
            yield item
            run.said = (done, total, description, outer)
            if run.attend:
                attend(run)
    finally:
        run.left = run.said


async def _track_async(
    iterable: AsyncIterable[T], total: Any, description: Any, recorder: ProgressRecorder
) -> AsyncIterator[T]:
    run, outer, description = _begin(recorder, total, description)
    done = 0
    try:
        async for item in iterable:
            yield item
            done += 1
            run.said = (done, total, description, outer)
            if run.attend:
                attend(run)
    finally:
        run.left = run.said


def _begin(recorder: ProgressRecorder, total: Any, description: Any) -> tuple[Run, Around, Any]:
    """Report that nothing is done yet; the run, the level around the loop, and its description."""
    run = recorder._run
    outer = around(run)
    recorder.set_progress(0, total, description)
    run.said = (0, total, run.said[2], outer)
    return run, outer, run.said[2]


def _length(iterable: Any) -> int | None:
    try:
        length = len(iterable)
    except Exception:  # nothing that is asked of it may fail the task
        return None
    return length


def _said_now(run: Run, description: Any) -> str:
    """The words in the language that is active now, for a lazy translation."""
    try:
        return str(description)
    except Exception as error:  # the value's own code may raise anything
        run.warn(f"description cannot be turned into text: {error!r:.200}")
        return ""


def _sum(current: Any, by: Any) -> Any:
    """The sum, also of types that Python does not add, as float and Decimal; None if not finite."""
    with suppress(Exception):  # the values' own code may raise anything
        grown = current + by
        if grown - grown == 0:  # neither NaN nor infinite
            return grown
    with suppress(Exception):
        grown = float(current) + float(by)
        if isfinite(grown):
            return grown
    return None


def _rebuilt(
    task_id: str, attempt: int, published: int, worker: str, said: Said
) -> ProgressRecorder:
    recorder = ProgressRecorder.__new__(ProgressRecorder)
    run = Run(task_id, attempt=attempt, published=published, worker=worker)
    run.said = run.seen = recorder_last = said
    run.attend = bool(task_id)
    recorder._run, recorder._last = run, recorder_last
    return recorder
