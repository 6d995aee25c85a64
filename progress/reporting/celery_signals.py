"""Celery's own lifecycle as events, so that a task that never reports still ends properly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import signals
from celery.exceptions import Reject
from celery.utils.dispatch import Signal

from .. import conf
from ..events import Event, State, capped
from ..exceptions import FAILED, public_words
from . import current
from .current import get_publisher
from .runs import Run

EXPIRED = "It waited too long and was not started."
DROPPED = "It was dropped before it finished."


def connect() -> None:
    """Listen to Celery; calling it again changes nothing."""
    receivers: dict[Signal, Callable[..., None]] = {
        signals.after_task_publish: published,
        signals.task_prerun: started,
        signals.task_success: succeeded,
        signals.task_retry: retried,
        signals.task_failure: failed,
        signals.task_revoked: revoked,
        signals.task_postrun: ended,
        signals.worker_process_shutdown: process_ends,
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver, weak=False, dispatch_uid=f"progress.{receiver.__name__}")


def published(headers: Any = None, **_: Any) -> None:
    """In the process that asked for the task: it waits for its turn."""
    headers = headers or {}
    if headers.get("id") and not headers.get("retries"):
        _say(Event(task_id=headers["id"], state=State.PENDING))


def started(task_id: str, task: Any, **_: Any) -> None:
    """In the worker's child: a run begins."""
    request = task.request
    if request.is_eager and not conf.in_memory():
        return  # over before anybody could watch
    carrier = get_publisher()
    if carrier is not None:
        request.progress_run = carrier.open(task_id, attempt=(request.retries or 0) + 1)


def succeeded(sender: Any, result: Any = None, **_: Any) -> None:
    """In the worker's child: SUCCESS, with the result where the task was declared so."""
    run = _run(sender.request)
    if run is not None:
        _, total, description = run.said
        if total is not None:
            run.said = (total, total, description)
        public = getattr(sender, "progress_result", False)
        _conclude(run, State.SUCCESS, result=capped(result) if public else None)


def retried(sender: Any, request: Any, reason: Any = None, **_: Any) -> None:
    """In the worker's child: this run is over, another will follow.

    In its parent: the child was lost and the task is sent again, or the worker ends at once and
    cancels its tasks. Of those only the ones that are acknowledged late come back.
    """
    run = _run(request)
    error = public_words(getattr(reason, "exc", None))
    if run is not None:
        _conclude(run, State.RETRY, error=error)
    elif not request.is_eager:
        back = reason is not None or sender.acks_late
        state, error = (State.RETRY, error) if back else (State.REVOKED, DROPPED)
        attempt = (request.retries or 0) + 1
        _say(Event(task_id=request.id, state=state, attempt=attempt, error=error))


def failed(sender: Any, task_id: str, exception: Any = None, **_: Any) -> None:
    """In the worker's child or, when that is gone or out of time, in its parent."""
    error = public_words(exception) or FAILED
    request = sender.request
    run = _run(request) if request.id == task_id else None
    if run is not None:
        _conclude(run, State.FAILURE, error=error)
    elif not request.is_eager:
        _say(Event(task_id=task_id, state=State.FAILURE, error=error))


def revoked(request: Any, expired: bool = False, **_: Any) -> None:  # noqa: FBT001, FBT002 - Celery's signature
    """In the worker's parent: cancelled, or it waited past its expiry."""
    error = EXPIRED if expired else None
    _say(Event(task_id=request.id, state=State.REVOKED, error=error))


def ended(task: Any, state: str | None = None, retval: Any = None, **_: Any) -> None:
    """In the worker's child, after all else: a run that none of the above concluded."""
    run = _run(task.request)
    if run is None or run.publisher is None or run.concluded:
        return
    if state == "IGNORED":
        _conclude(run, State.REVOKED, error=DROPPED)
    elif isinstance(retval, Reject) and not getattr(retval, "requeue", False):
        _conclude(run, State.FAILURE, error=FAILED)  # as Celery 5.7 records it
    else:
        # SystemExit ends this process, and then the parent says that the task failed.
        current.last_words()
        run.publisher.drop(run)


def process_ends(**_: Any) -> None:
    """In a worker's child that ends: what its tasks said goes out first."""
    current.last_words()


def _run(request: Any) -> Run | None:
    run = getattr(request, "progress_run", None)
    return run if isinstance(run, Run) else None


def _conclude(run: Run, state: State, **more: Any) -> None:
    if run.publisher is not None:
        run.publisher.conclude(run, state, **more)


def _say(event: Event) -> None:
    carrier = get_publisher()
    if carrier is not None:
        carrier.say(event)
