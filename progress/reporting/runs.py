"""The last report of one execution of a task, shared by the task's thread and the publisher."""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from typing import Any, Protocol

from ..events import Event, State
from ..values import COUNTABLE, amount, words
from .nesting import NOTHING_SAID, Said, around_of, counted, unit_of, whole
from .pace import Pace

logger = logging.getLogger(__name__)

#: The rate in units a second and the seconds that are left; None for what nobody knows.
Speed = tuple[float | None, float | None]
UNKNOWN_SPEED: Speed = (None, None)
_forks = 0  # processes that were forked from this one


def count_fork() -> None:
    """Count a fork; runs before each fork of this process."""
    global _forks  # noqa: PLW0603 - one count per process
    _forks += 1


class Carrier(Protocol):
    """The methods of the publisher that its runs call."""

    def wake(self, run: Run) -> None:
        """Read the run's report: its first one, or the first after a pause."""

    def conclude(self, run: Run, state: State, **more: Any) -> None:
        """End the run: with an outcome, with RETRY, or with PENDING after Ignore."""

    def drop(self, run: Run) -> None:
        """End the heartbeats of a run whose outcome is unknown."""


class Run:
    """One execution of a task. The task's thread writes ``said``, and the publisher reads it.

    ``said`` is replaced as one tuple, so that the publisher never reads half a report. ``attend``
    makes the next report call :func:`recorder.attend`: because the publisher sleeps and must be
    woken, or because a write to the result backend is due. That write needs Celery's objects
    ``task`` and ``request``.
    """

    __slots__ = (
        "adopted_at",
        "attempt",
        "attend",
        "began",
        "began_at",
        "concluded",
        "forks",
        "left",
        "number",
        "pace",
        "published",
        "publisher",
        "request",
        "result_at",
        "said",
        "seen",
        "sent_at",
        "shown",
        "speed",
        "started",
        "state",
        "task",
        "task_id",
        "token",
        "trouble",
        "usable",
        "warned",
        "worker",
    )

    def __init__(
        self,
        task_id: str,
        *,
        attempt: int = 1,
        published: int = 0,
        worker: str = "",
        publisher: Carrier | None = None,
    ) -> None:
        self.task_id = task_id
        self.attempt = attempt
        self.published = published
        self.worker = worker
        self.publisher = publisher
        self.task: Any = None
        self.request: Any = None
        self.token: Any = None  # the value that current_run.set() returned
        self.trouble: Any = None  # pauses this task's writes to the result backend
        self.attend = publisher is not None
        self.said = NOTHING_SAID
        self.left: Said | None = None  # the last report of an inner loop that was left
        self.seen = NOTHING_SAID  # the report that the publisher read last
        self.usable: tuple[float, float | None, str] = (0, None, "")  # the same with valid values
        self.shown: float = 0  # the highest percent that was published
        self.sent_at = 0.0  # when the publisher last read a report, by the monotonic clock
        self.result_at = 0.0  # when the result backend is written next, by the monotonic clock
        self.state = State.STARTED
        self.number = 0  # the event's ``run``; the store assigns it with the first event
        self.concluded = False  # later reports are ignored
        self.began_at = time.time()  # by the wall clock, which Celery's records use
        self.began = time.monotonic()
        self.started: int | None = None  # the same by the store's clock, in microseconds
        self.pace: Pace | None = None  # from the first report on
        self.speed = UNKNOWN_SPEED  # rate and eta, as measured last
        self.forks = _forks  # forks of this process when the run began
        self.adopted_at = 0.0  # when a forked process took over the run, by the monotonic clock
        self.warned = False

    @property
    def shared(self) -> bool:
        """Whether this process has forked since the run began, so a child may report for it."""
        return self.forks != _forks

    def event(self, state: State, **more: Any) -> Event:
        """Return the task's last report as an event.

        For an unusable value the event has the last usable value, and the log gets one line.
        """
        if self.said is not NOTHING_SAID:  # most tasks never report
            self.usable = self._use(self.said)
        current, total, description = self.usable
        rate, eta = self.speed if state is State.PROGRESS else UNKNOWN_SPEED
        event = Event(
            task_id=self.task_id,
            state=state,
            attempt=self.attempt,
            published=self.published,
            worker=self.worker,
            started=None if state is State.PENDING else self.started,
            current=current,
            total=total,
            unit=unit_of(self.said),
            rate=rate,
            eta=eta,
            description=description,
            whole=whole(self.said),
            shown=self.shown,
            **more,
        )
        self.shown = max(self.shown, event.percent or 0)
        return event

    def forget(self) -> None:
        """Forget the reports: the next run of this task id begins without them."""
        self.said = NOTHING_SAID
        self.usable, self.shown = (0, None, ""), 0
        self.pace, self.speed = None, UNKNOWN_SPEED

    def measure(self, now: float) -> None:
        """Take the last report into the pace; for the publisher's thread, by the monotonic clock.

        A count that falls is the beginning of other work. In nested loops the pace is that of the
        outermost loop, so there is no rate of what ``current`` counts.
        """
        try:
            current, total = counted(self.said)
            done = amount(current)
            to_do = None if total is None else amount(total)
        except Exception:  # the values' own code may raise anything
            return
        if self.pace is None or done < self.pace.current:
            self.pace = Pace(done, now)
        self.pace.count(done, now)
        is_nested = around_of(self.said) is not None
        self.speed = _rounded(
            None if is_nested else self.pace.rate(now), self.pace.left(to_do, now)
        )

    def has_slowed(self, now: float) -> bool:
        """Measure again; return whether the time left is gone in silence, or half of the rate."""
        rate, left = self.speed
        self.measure(now)
        if left is not None and self.speed[1] is None:
            return True
        return bool(rate) and (self.speed[0] or 0) <= (rate or 0) / 2

    def warn(self, what: str) -> None:
        """Log a problem with the run's reports, but only the first."""
        if not self.warned:
            self.warned = True
            logger.warning("Progress of task %.200r: %s", self.task_id, what)

    def _use(self, said: Said) -> tuple[float, float | None, str]:
        current, total, description, _ = said
        usable_current, usable_total, usable_description = self.usable
        try:
            usable_total = None if total is None else amount(total)
        except ValueError as error:
            self.warn(f"total {error}")
        try:
            usable_current = amount(current)
        except ValueError as error:
            self.warn(f"current {error}")
        else:
            if usable_total == COUNTABLE:
                usable_current = _scaled(current, total, usable_current)
        try:
            usable_description = words(description)
        except Exception as error:  # the description's own code may raise anything
            self.warn(f"description cannot be turned into text: {error!r}")
        return usable_current, usable_total, usable_description


def _scaled(current: Any, total: Any, otherwise: float) -> float:
    """Return current scaled to a total of 2**53, for a total that JavaScript cannot count to."""
    try:
        return amount(current / total * COUNTABLE)
    except (TypeError, ValueError, ArithmeticError):
        return otherwise


def _rounded(rate: float | None, left: float | None) -> Speed:
    """Round to four digits, and to tenths of a second."""
    return (
        None if rate is None else amount(float(f"{rate:.4g}")),
        None if left is None else amount(round(left, 1)),
    )


#: The run that the executing code belongs to. asyncio.to_thread() copies it; gevent.spawn() does
#: not.
current_run: ContextVar[Run | None] = ContextVar("progress_run", default=None)
_active: dict[Run, None] = {}  # the unfinished runs of this process


def enter(run: Run) -> None:
    """Make this the run of the calling context."""
    run.token = current_run.set(run)
    if run.task is not None:
        _active[run] = None


def leave(run: Run) -> None:
    """End the run in the calling context."""
    _active.pop(run, None)
    try:
        current_run.reset(run.token)
    except (ValueError, RuntimeError, TypeError):  # another context, as after a killed greenlet
        current_run.set(None)


def find_run(task: Any) -> Run:
    """Return the run for reports of ``task``; if there is none, a new run that is never published.

    In the task's own thread, Celery's request has the run. A thread or greenlet that the task
    started has no request: there it is the run of the context, or else the only unfinished run of
    that task in this process. Such a thread may outlive its task and then work for another task,
    so a run that has ended is the last choice.
    """
    request: Any = getattr(task, "request", None)
    run = getattr(request, "progress_run", None)
    if isinstance(run, Run):
        return run
    task_id = getattr(request, "id", None)
    if task_id:
        if not request.is_eager:
            logger.warning(
                "Reports of task %.200r are lost: the worker's INSTALLED_APPS lacks 'progress'",
                task_id,
            )
        return Run(task_id)
    run = current_run.get()
    if run is None or run.concluded:
        run = _only_run_of(task) or run
    if run is not None:
        return run
    if _active:
        logger.warning(
            "A report is lost, since its task is unknown: in a thread, pass the bound task, as in "
            "track(rows, task=self), or a ProgressRecorder that was made in the task"
        )
    return Run("")


def _only_run_of(task: Any) -> Run | None:
    name = getattr(task, "name", None)
    runs = [run for run in list(_active) if run.task.name == name]
    return runs[0] if len(runs) == 1 else None
