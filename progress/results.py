"""Celery's own record: state PROGRESS in the result backend while a task runs (promise 10).

Written from the task's own thread only, so that it cannot come after the outcome that Celery
stores from the same thread.
"""

from __future__ import annotations

import copy
import logging
import time
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger("progress")

TIMEOUT = 0.25  # seconds for one command; a write is two
PAUSE = 60.0  # seconds without writes after a backend failed or was slow
SLOW = 1.0  # seconds a write may take

_paused_until = 0.0


def record(task: Any, meta: dict[str, Any]) -> None:
    """Store PROGRESS with this meta. Never raises.

    A backend that fails or is slow costs about half a second (Redis; others: what their own
    timeouts allow), and then nothing for a minute in this process.
    """
    global _paused_until  # noqa: PLW0603 - one backend a process
    request = task.request
    began = time.monotonic()
    if began < _paused_until or request.is_eager or _ignored(task):
        return
    try:
        _bounded(task.backend).store_result(request.id, meta, "PROGRESS", request=request)
    except Exception as error:
        _paused_until = time.monotonic() + PAUSE
        logger.warning("The result backend takes no PROGRESS, next try in %d s: %r", PAUSE, error)
    else:
        if time.monotonic() - began > SLOW:
            _paused_until = time.monotonic() + PAUSE
            logger.warning("The result backend is slow, next PROGRESS in %d s", PAUSE)


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
