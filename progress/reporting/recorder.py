"""ProgressRecorder and track(), with which a task reports its progress."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import suppress
from math import isfinite
from operator import index
from typing import Any, TypeVar, overload

from celery import current_task
from celery.exceptions import SoftTimeLimitExceeded

from ..store.result_backend import Trouble, write_progress
from .current import adopt, current_publisher
from .nesting import Loop, Said, around, loop
from .runs import Run, find_run

#: Seconds between two writes of PROGRESS to the result backend. With the publisher's interval and
#: the time until the task's next report, that makes about one write a second.
RESULT_INTERVAL = 0.85

UNSAID = ""  # CPython has only one empty string, so `is` recognizes it

T = TypeVar("T")


class ProgressRecorder:
    """Reports the progress of one running task; a task makes it and can pass it to other code.

    A call takes well under a microsecond: it writes the newest state to memory, and the process's
    publisher reads it at most ten times a second (PROGRESS_INTERVAL). Once a second a call also
    writes PROGRESS to the result backend (about 0.3 ms). Calls never raise, and never wait for the
    Redis server of PROGRESS_REDIS_URL.

    Threads and greenlets that the task starts may use the recorder. Each recorder has its own
    count: :meth:`increment_progress` adds to the amount that this recorder reported last. Outside
    a running task its calls do nothing.

    ``unit`` is what the amounts count, at most 16 characters; watchers see it beside them. ``"B"``
    means bytes, which clients show as kB and MB.
    """

    __slots__ = ("_last", "_loop", "_run")

    def __init__(self, task: Any, *, unit: Any = None) -> None:
        self._run = find_run(task)
        self._last = self._run.said
        self._loop = loop(None, unit)

    def set_progress(self, current: Any, total: Any, description: Any = "") -> None:
        """Report that ``current`` of ``total`` is done; None as total means an unknown amount.

        An empty description keeps the last one; a long one is cut at 512 characters. Amounts are
        finite numbers, at least 0. An unusable value is ignored: the last usable value stays, and
        the log gets one line per task.
        """
        run = self._run
        if description is UNSAID:
            description = run.said[2]
        elif type(description) is not str:
            description = _said_now(run, description)
        run.said = self._last = (current, total, description, self._loop)
        if run.attend:
            attend(run)

    def increment_progress(self, by: Any = 1, description: Any = "") -> None:
        """Add ``by`` to the amount that is done.

        This is not atomic: when threads share one recorder, some of their additions may get lost.
        """
        current, total, _, _ = self._last
        try:
            grown = current + by
            if grown - grown != 0:  # NaN or infinite
                grown = self._grown(current, by)
        except Exception:  # the values' own code may raise anything
            grown = self._grown(current, by)
        # Repeats the code of set_progress(), since calling it would double the cost.
        run = self._run
        if description is UNSAID:
            description = run.said[2]
        elif type(description) is not str:
            description = _said_now(run, description)
        run.said = self._last = (grown, total, description, self._loop)
        if run.attend:
            attend(run)

    def _grown(self, current: Any, by: Any) -> Any:
        """Return the sum for types that Python cannot add; if that fails, the last usable count."""
        grown = _sum(current, by)
        if grown is None:
            self._run.warn(f"current cannot grow by a {type(by).__name__}")
            grown = _sum(current, 0)
        return self._run.usable[0] if grown is None else grown

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the recorder for another process, where it reports for the same run."""
        run = self._run
        identity = {
            name: getattr(run, name) for name in ("task_id", "attempt", "published", "worker")
        }
        return _rebuilt, (identity, run.said, self._loop)


def attend(run: Run) -> None:
    """Wake the publisher, and write to the result backend if a write is due."""
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
    iterable: Iterable[T],
    total: Any = None,
    description: Any = "",
    *,
    task: Any = None,
    unit: Any = None,
    initial: int = 0,
) -> Iterator[T]: ...
@overload
def track(
    iterable: AsyncIterable[T],
    total: Any = None,
    description: Any = "",
    *,
    task: Any = None,
    unit: Any = None,
    initial: int = 0,
) -> AsyncIterator[T]: ...
def track(  # noqa: PLR0913 - each argument describes the loop, by its name
    iterable: Any,
    total: Any = None,
    description: Any = "",
    *,
    task: Any = None,
    unit: Any = None,
    initial: int = 0,
) -> Iterator[Any] | AsyncIterator[Any]:
    """Yield the items one by one and report how many are done; works with ``async for`` too.

    ``total`` defaults to ``initial + len(iterable)``; without a length the amount is unknown.
    ``initial`` is what an earlier run did: the count begins there, and the rate leaves it out.
    ``unit`` is what the items are, such as ``"rows"``. Reports for ``task``, or else for the
    running Celery task; without one it reports nothing.

    Loops may be nested, also inside a loop that a recorder counts. Watchers then see current, total
    and description of the inner loop, and the percent and remaining time of the whole task.
    """
    recorder = ProgressRecorder(task or current_task, unit=unit)
    initial = _whole_number(recorder._run, initial)
    if total is None:
        total = _length(iterable)
        total = None if total is None else initial + total
    if hasattr(iterable, "__aiter__") and not hasattr(iterable, "__iter__"):
        return _AsyncTrack(iterable, initial, total, description, recorder)
    return _track(iterable, initial, total, description, recorder)


def _track(
    iterable: Iterable[T], initial: int, total: Any, description: Any, recorder: ProgressRecorder
) -> Iterator[T]:
    run, inner, description = _begin(recorder, initial, total, description)
    try:
        for done, item in enumerate(iterable, start=initial + 1):
            yield item
            run.said = (done, total, description, inner)
            if run.attend:
                attend(run)
    finally:
        run.left = run.said


class _AsyncTrack(AsyncIterator[T]):
    """``track()`` for ``async for``.

    It is not a generator, since after ``break`` an event loop closes a generator late. If the next
    loop began before that, it would count as nested in the loop that was left.
    """

    def __init__(
        self,
        iterable: AsyncIterable[T],
        initial: int,
        total: Any,
        description: Any,
        recorder: ProgressRecorder,
    ) -> None:
        self._run: Run | None = None
        self._items = aiter(iterable)
        self._said = total, description, recorder
        self._done = initial

    async def __anext__(self) -> T:
        total, description, recorder = self._said
        if self._run is None:
            self._run, self._loop, description = _begin(recorder, self._done, total, description)
            self._said = total, description, recorder
        else:
            self._done += 1
            self._run.said = (self._done, total, description, self._loop)
            if self._run.attend:
                attend(self._run)
        try:
            return await anext(self._items)
        except StopAsyncIteration:
            self._run.left = self._run.said
            raise

    def __del__(self) -> None:
        if self._run is not None:
            self._run.left = self._run.said


def _begin(
    recorder: ProgressRecorder, initial: int, total: Any, description: Any
) -> tuple[Run, Loop | None, Any]:
    """Report that only ``initial`` is done. Return the run, the loop and the description."""
    run = recorder._run
    unit = recorder._loop.unit if recorder._loop is not None else None
    inner = loop(around(run.said, run.left), unit)
    recorder.set_progress(initial, total, description)
    run.said = (initial, total, run.said[2], inner)
    return run, inner, run.said[2]


def _whole_number(run: Run, initial: Any) -> int:
    """Return ``initial`` as a whole number of at least 0; 0 for anything else."""
    try:
        return max(0, index(initial))
    except TypeError:
        run.warn(f"initial must be a whole number, not a {type(initial).__name__}")
        return 0


def _length(iterable: Any) -> int | None:
    try:
        length = len(iterable)
    except SoftTimeLimitExceeded:  # Celery raises it wherever the task is; counting rows takes time
        raise
    except Exception:  # an error in the iterable's len() must not fail the task
        return None
    return length


def _said_now(run: Run, description: Any) -> Any:
    """Return the description, translated now; the last description for None or an empty text."""
    try:
        return run.said[2] if description is None else str(description) or run.said[2]
    except Exception as error:  # the value's own code may raise anything
        run.warn(f"description cannot be turned into text: {error!r:.200}")
        return run.said[2]


def _sum(current: Any, by: Any) -> Any:
    """Return the sum, also of float and Decimal, which Python cannot add; None if not finite."""
    with suppress(Exception):  # the values' own code may raise anything
        grown = current + by
        if grown - grown == 0:  # neither NaN nor infinite
            return grown
    with suppress(Exception):
        grown = float(current) + float(by)
        if isfinite(grown):
            return grown
    return None


def _rebuilt(identity: dict[str, Any], said: Said, its_loop: Loop | None) -> ProgressRecorder:
    recorder = ProgressRecorder.__new__(ProgressRecorder)
    run = Run(**identity)
    run.said = run.seen = said
    run.attend = bool(run.task_id)
    recorder._run, recorder._last, recorder._loop = run, said, its_loop
    return recorder
