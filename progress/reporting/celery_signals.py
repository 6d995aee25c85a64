"""Publishes how each execution (run) of a task begins and ends, from Celery's signals."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from celery import signals
from celery.exceptions import Reject
from celery.utils.dispatch import Signal

from .. import conf
from ..events import State
from ..exceptions import CELERY_WORDS, FAILED, PublicError, failure_words, public_words
from ..store.result_backend import recorded_outcome
from ..values import capped, identifier
from . import outside
from .current import current_publisher, last_words
from .nesting import outermost
from .runs import Run, current_run, enter, leave

LATEST = 10 * 365 * 86400.0  # seconds; the store cannot keep an event for an infinite time
REPLACED = "Replaced by new task"  # what Task.replace() gives to Ignore

#: The last run of this context, while no signal has reported its outcome: ``broken`` may be next.
_undecided: ContextVar[Run | None] = ContextVar("progress_undecided", default=None)
#: The id of the last task for which Celery itself failed; Celery may signal that failure twice.
_broken: ContextVar[str] = ContextVar("progress_broken", default="")


def connect() -> None:
    """Connect the receivers to Celery's signals; a second call changes nothing."""
    receivers: dict[Signal, Callable[..., None]] = {
        signals.before_task_publish: outside.stamp,
        signals.after_task_publish: outside.published,
        signals.task_received: outside.received,
        signals.task_unknown: outside.unknown_task,
        signals.task_rejected: outside.refused_message,
        signals.task_revoked: outside.revoked,
        signals.task_prerun: started,
        signals.task_success: succeeded,
        signals.task_retry: retried,
        signals.task_failure: failed,
        signals.task_internal_error: broken,
        signals.task_postrun: ended,
        signals.worker_process_init: process_begins,
        signals.worker_process_shutdown: process_ends,
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver, weak=False, dispatch_uid=f"progress.{receiver.__name__}")


def started(task_id: str, task: Any, **_: Any) -> None:
    """Begin a run: in a worker, or for an eager task in the process that called it."""
    request = task.request
    publisher = current_publisher() if _is_watched(task_id, request) else None
    if publisher is None:
        run = Run(identifier(task_id))
    else:
        run = Run(
            identifier(task_id),
            attempt=outside.attempt_of(request.retries),
            published=outside.stamp_of(request),
            worker=outside.worker_name(request.hostname, os.getpid()),
            publisher=publisher,
        )
        run.task, run.request = task, request
        request.progress_thread = threading.get_ident()
    request.progress_run = run
    _undecided.set(None)
    _broken.set("")
    enter(run)
    _expect_public_errors(task)
    # At the end: a time limit may interrupt this function, and a published run must be known to
    # the signals of its end.
    if publisher is not None:
        publisher.begin(run)


def _expect_public_errors(task: Any) -> None:
    """Have Celery log a PublicError without "unexpected" and a traceback."""
    throws = task.throws if isinstance(task.throws, tuple | list) else (task.throws,)
    if PublicError not in throws:
        # Celery also takes one class, or None.
        task.throws = (*filter(None, throws), PublicError)


def _is_watched(task_id: str, request: Any) -> bool:
    """Return whether this run is published.

    A task that another task calls by apply() is not published, except the replacement of an eager
    task: it has the same id and continues that task.
    """
    if not request.is_eager:
        return True
    caller = current_run.get()
    inner = caller is not None and not (
        caller.task_id == identifier(task_id) and caller.request and caller.request.is_eager
    )
    return conf.is_configured() and not inner


def succeeded(sender: Any, result: Any = None, **_: Any) -> None:
    """End the run with SUCCESS; publish the result if the task has ``progress_result = True``."""
    run = _run(sender.request)
    if run is not None:
        _, total, _, loop = outermost(run.said)
        if total is not None:
            run.said = (total, total, run.said[2], loop)
        public = getattr(sender, "progress_result", False)
        _conclude(run, State.SUCCESS, result=capped(result) if public else None)


def retried(sender: Any, request: Any, reason: Any = None, **_: Any) -> None:
    """End the run with RETRY; another run will follow."""
    run = _run(request)
    error = public_words(getattr(reason, "exc", None))
    due_in = _seconds_until(getattr(reason, "when", None))
    if run is not None:
        _conclude(run, State.RETRY, error=error, due_in=due_in)
    elif not request.is_eager:
        outside.retried(sender, request, reason=reason, error=error, due_in=due_in)


def failed(sender: Any, task_id: str, exception: Any = None, **_: Any) -> None:
    """End the run with FAILURE.

    If the worker's child process died or timed out, Celery calls this in the parent process.
    """
    error, request = failure_words(exception), sender.request
    run = _run(request) if request.id == task_id else None
    if run is not None:
        _conclude(run, State.FAILURE, error=error)
    elif identifier(task_id) == _broken.get():
        _broken.set("")
    elif not request.is_eager:
        outside.failed(task_id, error, request if request.id == task_id else None)


def broken(task_id: str, exception: Any = None, **_: Any) -> None:
    """End a run for which Celery itself failed after the task's code had returned.

    For example, a hook such as ``on_success`` raised, or the result could not be stored. The run
    ends with the SUCCESS or FAILURE that Celery stored, or else with FAILURE: REVOKED in the record
    says only that somebody asked for it. Celery called ``ended`` before. An eager task that
    propagates its exception ends here too.
    """
    run = _undecided.get()
    _undecided.set(None)
    if run is not None and run.task_id == identifier(task_id):
        _broken.set(run.task_id)
        outcome = recorded_outcome(run.task_id, since=run.began_at)
        if outcome is None or outcome.state is State.REVOKED:
            _conclude(run, State.FAILURE, error=failure_words(exception))
        else:
            _conclude(run, outcome.state, error=outcome.error)


def ended(task: Any, state: str | None = None, retval: Any = None, **_: Any) -> None:
    """End the run if no other signal has reported its outcome, as after Ignore or Reject."""
    run = _run(task.request)
    if run is None:
        return
    leave(run)
    if run.publisher is None or run.concluded:
        return
    try:
        _end_without_outcome(run, state, retval)
    except BaseException:  # a time limit or a kill, which gevent raises wherever the greenlet waits
        _drop(run)
        raise


def _end_without_outcome(run: Run, state: str | None, retval: Any) -> None:
    if state == "IGNORED":
        _ignored(run, retval)
    elif isinstance(retval, Reject):
        _rejected(run, requeue=bool(getattr(retval, "requeue", False)))
    elif isinstance(sys.exc_info()[1], getattr(sys.modules.get("gevent"), "Timeout", ())):
        # A hard time limit in gevent's pool, for which Celery 5.5 and 5.6 send no other signal.
        _conclude(run, State.FAILURE, error=CELERY_WORDS["TimeLimitExceeded"])
    else:
        # After SystemExit this process ends, and its parent reports FAILURE.
        _undecided.set(run)
        last_words()
        _drop(run)


def process_begins(**_: Any) -> None:
    """Start the publisher of a worker's child process before its first task.

    Celery ignores a soft time limit that strikes while a signal is handled.
    """
    current_publisher()


def process_ends(**_: Any) -> None:
    """Deliver the last reports before a worker's child process ends."""
    last_words()


def _ignored(run: Run, exception: Any) -> None:
    """Handle Ignore: end the run with the outcome that the task itself stored, or with PENDING."""
    outcome = None
    if REPLACED not in map(str, getattr(exception, "args", ())):
        outcome = recorded_outcome(run.task_id, since=run.began_at)
    if outcome is None:
        _conclude(run, State.PENDING)
    else:
        _conclude(run, outcome.state, error=outcome.error)


def _rejected(run: Run, *, requeue: bool) -> None:
    """Handle Reject: PENDING if the message is queued again, else FAILURE, like Celery 5.7."""
    if requeue:
        _conclude(run, State.PENDING)
    else:
        _conclude(run, State.FAILURE, error=FAILED)


def _run(request: Any) -> Run | None:
    run = getattr(request, "progress_run", None)
    return run if isinstance(run, Run) else None


def _drop(run: Run) -> None:
    if run.publisher is not None:
        run.publisher.drop(run)


def _conclude(run: Run, state: State, **more: Any) -> None:
    if run.publisher is not None:
        run.publisher.conclude(run, state, **more)


def _seconds_until(when: Any) -> float:
    """Return seconds until the next attempt, which Celery gives as seconds or as a datetime."""
    if isinstance(when, datetime):
        now = datetime.now(when.tzinfo) if when.tzinfo else datetime.now(UTC).replace(tzinfo=None)
        when = (when - now).total_seconds()
    seconds = when if isinstance(when, int | float) else 0.0
    return float(min(max(0.0, seconds), LATEST))  # a task may raise Retry with infinity
