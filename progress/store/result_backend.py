"""Celery's own record in the result backend: PROGRESS while a task runs, and its outcome.

PROGRESS is written from the task's own thread only, so that it cannot come after the outcome that
Celery stores from the same thread.
"""

from __future__ import annotations

import copy
import logging
import time
from typing import Any

from celery import current_app
from celery.backends.base import DisabledBackend
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..events import OUTCOMES, Event, State, unknown
from ..exceptions import FAILED, public_words

logger = logging.getLogger("progress")

TIMEOUT = 0.3  # seconds for one command; a write is two
SLOW = 1.0  # seconds a write may take
FIRST_PAUSE = 5.0  # seconds without writes after a backend failed or was slow; it doubles
LONGEST_PAUSE = 60.0  # seconds

_pause = 0.0
_paused_until = 0.0


def record(task: Any, meta: dict[str, Any]) -> None:
    """Store PROGRESS with this meta. Never raises.

    A backend that fails or is slow costs about 0.3 s (Redis; others: what their own timeouts
    allow), and then nothing for 5 s in this process, 10 s after the next time, at most a minute.
    """
    global _pause, _paused_until  # noqa: PLW0603 - one backend a process
    began = time.monotonic()
    if began < _paused_until or task.request.is_eager or _ignored(task):
        return
    trouble = _store(task, meta)
    now = time.monotonic()
    if trouble is None and now - began > SLOW:
        trouble = f"a write took {now - began:.1f} s"
    if trouble is None:
        _pause = 0.0
        return
    _pause = min(max(FIRST_PAUSE, 2 * _pause), LONGEST_PAUSE)
    _paused_until = now + _pause
    logger.warning("The result backend gets no PROGRESS for %d s: %s", _pause, trouble)


def recorded(task_id: str) -> Event:
    """What the result backend knows of a task; UNKNOWN for all that is no outcome.

    The result itself is left out: whether it is public, only the task knows. Raises what the
    backend raises.
    """
    if isinstance(current_app.backend, DisabledBackend):
        return unknown(task_id)  # there is none
    backend = _bounded(current_app.backend)
    meta = backend.get_task_meta(task_id, cache=False)
    if meta["status"] not in OUTCOMES:
        return unknown(task_id)
    error = public_words(meta["result"])
    if meta["status"] == State.FAILURE and error is None:
        error = FAILED
    return Event(task_id=task_id, state=State(meta["status"]), error=error)


def _store(task: Any, meta: dict[str, Any]) -> str | None:
    """Write; what went wrong, if anything did."""
    request = task.request
    try:
        _bounded(task.backend).store_result(request.id, meta, "PROGRESS", request=request)
    except Exception as error:
        return repr(error)
    return None


def _ignored(task: Any) -> bool:
    ignored = getattr(task.request, "ignore_result", None)
    return bool(task.ignore_result if ignored is None else ignored)


def _bounded(backend: Any) -> Any:
    """The backend or, where it would wait and retry for minutes (Redis), an impatient copy."""
    if not hasattr(backend, "connparams"):
        return backend
    quick = backend.__dict__.get("_progress_quick")
    if quick is None:
        quick = copy.copy(backend)
        quick.connparams = backend.connparams | {
            "socket_timeout": TIMEOUT,
            "retry": Retry(NoBackoff(), 0),
        }
        if "path" not in quick.connparams:  # a Unix socket knows no such thing
            quick.connparams["socket_connect_timeout"] = TIMEOUT
        quick.retry_policy = {"max_retries": 0}
        quick.__dict__.pop("client", None)  # cached; the next use makes one from connparams
        backend._progress_quick = quick
    return quick
