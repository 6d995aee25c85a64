"""Receives Celery's signals outside of a run: in the sender, and in a worker's parent process."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from hashlib import blake2s
from typing import Any
from weakref import WeakValueDictionary

from celery import current_task
from kombu.utils.compat import detect_environment

from ..events import Event, State
from ..exceptions import CELERY_WORDS
from ..store.result_backend import SKEW, recorded_outcome
from ..values import identifier, whole_number
from .current import current_publisher
from .placing import UNBEGUN

#: The header with the time when the task was sent; Celery repeats it with each retry.
PUBLISHED = "progress_published"
EXPIRED = "It waited too long and was not started."
DROPPED = "It was dropped before it finished."
UNREADABLE = "The worker could not read this task's message."

#: Celery's requests in a worker's parent, in the order of their arrival, for data that the signals
#: lack.
_requests: WeakValueDictionary[int, Any] = WeakValueDictionary()


def stamp(headers: Any = None, **_: Any) -> None:
    """In the sender: note the time of sending in the headers, so that a task id can be reused.

    A retry keeps the time of its task. replace() sends a new task with the old task's id: the new
    task gets a later time than the old one, even if the clocks of the machines differ.
    """
    if headers is None or (headers.get("retries") and PUBLISHED in headers):
        return
    own = current_task.request if current_task else None
    before = stamp_of(own) if own is not None and own.id == headers.get("id") else 0
    headers[PUBLISHED] = max(time.time_ns() // 1000, before + 1)


def published(headers: Any = None, **_: Any) -> None:
    """In the sender: publish that the task waits (PENDING), unless the task itself retries."""
    headers = headers or {}
    own = current_task.request if current_task else None
    retried = headers.get("retries") and own is not None and own.id == headers.get("id")
    if headers.get("id") and not retried:
        _say(headers["id"], State.PENDING, published=whole_number(headers.get(PUBLISHED)))


def received(request: Any, **_: Any) -> None:
    """In the worker's parent: keep the request of a task that the worker has received."""
    _requests[id(request)] = request


def unknown_task(message: Any, id: str, **_: Any) -> None:  # noqa: A002 - Celery's name
    """In the worker's parent: publish FAILURE for an unknown task name, as Celery stores it."""
    _say(id, State.FAILURE, error=CELERY_WORDS["NotRegistered"], **_life(message.headers))


def refused_message(message: Any, **_: Any) -> None:
    """In the worker's parent: publish FAILURE for an unreadable message, which Celery drops."""
    headers = message.headers or {}
    if headers.get("id"):
        _say(headers["id"], State.FAILURE, error=UNREADABLE, **_life(headers))


def revoked(request: Any, *, expired: Any = False, terminated: Any = False, **_: Any) -> None:
    """In the worker's parent: publish REVOKED for a task that was cancelled or has expired."""
    known = _known_of(request.id, request)
    if terminated:
        _say_unless_succeeded(request.id, State.REVOKED, None, known)
        return
    # The message was dropped before any process began to execute the task.
    known["worker"] = UNBEGUN
    _say(request.id, State.REVOKED, error=EXPIRED if expired else None, **known)


def failed(task_id: str, error: str | None, request: Any = None) -> None:
    """In the worker's parent: publish FAILURE for a child that died or timed out."""
    _say_unless_succeeded(task_id, State.FAILURE, error, _known_of(task_id, request))


def _say_unless_succeeded(
    task_id: str, state: State, error: str | None, known: dict[str, Any]
) -> None:
    """Publish this end of a child; or SUCCESS, if the child stored that just before its end.

    Celery never overwrites a SUCCESS.
    """
    recorded = recorded_outcome(task_id, since=known.get("published", 0) / 1e6 - SKEW)
    if recorded is not None and recorded.state is State.SUCCESS:
        _say(task_id, State.SUCCESS, **known)
    else:
        _say(task_id, state, error=error, **known)


def retried(sender: Any, request: Any, *, reason: Any, error: str | None, due_in: float) -> None:
    """In the worker's parent: publish RETRY for a task that is sent again, else REVOKED.

    The child died, or the worker stops and cancels its tasks. A cancelled task is sent again only
    if it is acknowledged late.
    """
    back = reason is not None or sender.acks_late
    state, error = (State.RETRY, error) if back else (State.REVOKED, DROPPED)
    _say(request.id, state, error=error, due_in=due_in, **_known_of(request.id, request))


def stamp_of(request: Any) -> int:
    """Return when the task was sent, in microseconds since 1970; 0 if the header is missing."""
    return whole_number(getattr(request, PUBLISHED, 0))


def attempt_of(retries: object) -> int:
    """Return the number of the attempt after this many retries; 1 for an invalid number."""
    return whole_number(retries) + 1


@lru_cache(maxsize=64)
def worker_name(hostname: str | None, pid: int | None) -> str:
    """Return an opaque name for a process that executes tasks, or "" if it is unknown."""
    if not hostname or not pid:
        return ""
    return blake2s(f"{hostname}/{pid}".encode(), digest_size=4).hexdigest()


def _known_of(task_id: str, request: Any = None) -> dict[str, Any]:
    """Return the fields of an event that this worker knows from the task's request.

    ``request`` is the request of Celery's signal, if it has one, since the worker may already hold
    the request of the next attempt.
    """
    held = _held(task_id)
    life = None if held is None else _life(held.message.headers)
    if request is not None:
        own = _life({PUBLISHED: stamp_of(request), "retries": request.retries})
        if own != life:
            return own
    if held is None or life is None:
        return {}
    return {**life, "worker": worker_name(held.hostname, _process_of(held))}


def _held(task_id: str) -> Any:
    """Return the request of this task that ended last, or else the newest; None without requests.

    The worker has several after a retry or a second delivery. Before Celery signals an end from
    outside, it takes the request from ``active_requests``.
    """
    # Senders and web processes import this module, and need nothing of Celery's worker.
    from celery.worker.state import active_requests  # noqa: PLC0415

    found = [each for each in _requests.values() if each.id == task_id]
    over = [each for each in found if each.worker_pid and each not in active_requests]
    return (over or found or [None])[-1]


def _process_of(request: Any) -> int | None:
    """Return the id of the process that executes the request; None if no process does yet.

    In the pools of gevent and eventlet, Celery's ``worker_pid`` is the number of a greenlet.
    """
    in_greenlet = request.worker_pid and detect_environment() != "default"
    pid: int | None = os.getpid() if in_greenlet else request.worker_pid
    return pid


def _life(headers: Any) -> dict[str, Any]:
    """Return when the task was sent and which attempt this is, from a message's headers."""
    headers = headers or {}
    return {
        "published": whole_number(headers.get(PUBLISHED)),
        "attempt": attempt_of(headers.get("retries")),
    }


def _say(task_id: object, state: State, **more: Any) -> None:
    publisher = current_publisher()
    if publisher is not None:
        publisher.say(Event(task_id=identifier(task_id), state=state, **more))
