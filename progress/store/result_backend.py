"""Writes PROGRESS to Celery's result backend while a task runs, and reads outcomes from it.

PROGRESS replaces only PENDING, STARTED, PROGRESS and the RETRY of an earlier attempt. It replaces
neither an outcome nor a state that the task itself stores, such as ``ABORTED``. In Redis, the check
and the write are one transaction. To other backends only the task's own thread writes: the same
thread stores the outcome, so the two never happen at once.
"""

from __future__ import annotations

import copy
import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from celery import current_app
from celery.backends.base import DisabledBackend
from celery.backends.rpc import RPCBackend
from celery.exceptions import SoftTimeLimitExceeded
from django.db import close_old_connections, connections
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, WatchError
from redis.retry import Retry

from .. import conf
from ..events import OUTCOMES, Event, State, unknown
from ..exceptions import FAILED, failure_words

logger = logging.getLogger(__name__)

OURS = frozenset({"PENDING", "STARTED", "PROGRESS"})  # the states that PROGRESS may replace
#: The same for attempts after the first, since the attempt before has stored RETRY.
AFTER_RETRY = OURS | {"RETRY"}
SKEW = 5.0  # seconds by which the clocks of a sender and a worker may differ
TIMEOUT = 0.3  # seconds for one command; a write needs two commands
SLOW = 1.0  # seconds that a write may take
FIRST_PAUSE = 5.0  # seconds without writes after a backend failed or was slow; it doubles
LONGEST_PAUSE = 60.0  # seconds
#: The state of celery.contrib.abortable, which is not imported for one name.
ABORTED = "ABORTED"


class Trouble:
    """Pauses writes after a failed or slow write: for 5 s, then 10, 20, 40, and at most 60 s."""

    def __init__(self) -> None:
        self._pause = 0.0
        self._until = 0.0

    @property
    def lasts(self) -> bool:
        """Whether writes are paused now."""
        return time.monotonic() < self._until

    def clear(self) -> None:
        """Note that a write succeeded, so that the next pause is the shortest again."""
        self._pause = 0.0

    def begin(self, why: object, whose: str) -> None:
        """Begin a pause, since a write failed or was slow, and log it."""
        self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        self._until = time.monotonic() + self._pause
        words = "PROGRESS of %.200s is not written to the result backend for %d s: %s"
        logger.warning(words, whose, self._pause, why)


#: The states that the present write of this thread may replace.
_replaces: ContextVar[frozenset[str]] = ContextVar("progress_replaces", default=OURS)

#: Shared by all tasks of this process, for a backend that is away or slow.
_away = Trouble()


def write_progress(task: Any, request: Any, meta: dict[str, Any], trouble: Trouble) -> None:
    """Store PROGRESS with this meta for the task. Raises only SoftTimeLimitExceeded.

    Writes nothing for eager tasks, for ignored results, for a task class with
    ``progress_meta = False``, or with PROGRESS_RESULT_BACKEND = False. If the backend is away or
    slow, the call takes about 0.3 s with Redis and Django's databases, and as long as the backend's
    own timeout with others; then all tasks of this process pause their writes. If the backend
    refuses this task's meta, only this task pauses, by its ``trouble``.
    """
    if _away.lasts or trouble.lasts or not _is_wanted(task, request):
        return
    began = time.monotonic()
    try:
        _write(_backend_of(task), request, meta)
    except SoftTimeLimitExceeded:  # Celery raises it wherever the task is, and the task must see it
        raise
    except (OSError, RedisError) as error:
        _away.begin(repr(error), "any task")
    except Exception as error:  # a backend raises whatever its own driver does
        trouble.begin(repr(error), f"task {request.id}")
    else:
        took = time.monotonic() - began
        if took > SLOW:
            _away.begin(f"a write took {took:.1f} s", "any task")
        else:
            _away.clear()
            trouble.clear()


def application() -> Any:
    """Return this thread's Celery application, for use in another thread."""
    proxy: Any = current_app
    return proxy._get_current_object()


def read_outcome(
    task_id: str, *, since: float = 0, ignored: bool = False, app: Any = None
) -> Event:
    """Return a task's outcome from the result backend; UNKNOWN if the backend has no outcome.

    An outcome that was stored before ``since`` (seconds since 1970) belongs to a former task with
    this id, and is ignored. ``ABORTED`` counts as REVOKED only for a task that ended by Ignore
    (``ignored``), because any other task may still finish. The event lacks the result, since only
    the task knows whether its result is public. Raises the backend's errors. It may block: call it
    outside an event loop.
    """
    backend = (app or current_app).backend
    if isinstance(backend, DisabledBackend | RPCBackend):
        return unknown(task_id)  # it keeps no results, or only the sender can read them
    with _fresh_connections():
        meta = _bounded(backend).get_task_meta(task_id, cache=False)
    status = State.REVOKED if meta["status"] == ABORTED and ignored else meta["status"]
    if status not in OUTCOMES or _stored_at(meta) < since:
        return unknown(task_id)
    error = None
    if meta["status"] != ABORTED and status != State.SUCCESS:
        error = failure_words(meta["result"], FAILED if status == State.FAILURE else None)
    return Event(task_id=task_id, state=State(status), error=error)


def recorded_outcome(task_id: str, *, since: float = 0) -> Event | None:
    """Return a task's outcome; None if the backend has no outcome or does not answer."""
    try:
        event = read_outcome(task_id, since=since, ignored=True)
    except Exception as error:  # a backend raises whatever its own driver does
        logger.warning("Cannot read from the result backend how a task ended: %r", error)
        return None
    return event if event.complete else None


def _stored_at(meta: Any) -> float:
    """Return when the backend stored this, in seconds since 1970; infinity if it is unknown."""
    when = meta.get("date_done")
    try:
        moment = datetime.fromisoformat(when) if isinstance(when, str) else when
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (AttributeError, TypeError, ValueError):
        return math.inf


def _is_wanted(task: Any, request: Any) -> bool:
    ignored = getattr(request, "ignore_result", None)
    ignored = task.ignore_result if ignored is None else ignored
    wanted = getattr(task, "progress_meta", True) and conf.result_backend()
    return bool(wanted and not ignored and not request.is_eager)


def _write(quick: Any, request: Any, meta: dict[str, Any]) -> None:
    if isinstance(quick, DisabledBackend):
        return
    # The task's own thread also stores its outcome and its RETRY, so neither comes meanwhile.
    own = getattr(request, "progress_thread", None) in (None, threading.get_ident())
    replaces = AFTER_RETRY if own and request.retries else OURS
    if hasattr(quick, "connparams"):
        before = _replaces.set(replaces)
        try:
            quick.store_result(request.id, meta, "PROGRESS", request=request)
        finally:
            _replaces.reset(before)
    elif own:
        with _own_connections():
            if _stands(quick, request.id) in replaces:
                quick.store_result(request.id, meta, "PROGRESS", request=request)


def _stands(backend: Any, task_id: str) -> str:
    """Return the stored state; PENDING for rpc://, where only the sender can read states."""
    if isinstance(backend, RPCBackend):
        return "PENDING"
    return str(backend.get_task_meta(task_id, cache=False)["status"])


def _backend_of(task: Any) -> Any:
    """Return the backend to write to: the shared copy, so that no greenlet makes its own."""
    shared = vars(task.app).get("_progress_quick") if task._backend is None else None
    return shared or _bounded(task.backend)


def _bounded(backend: Any) -> Any:
    """Return the backend; for Redis a copy with short timeouts that replaces only some states.

    Celery makes a backend for each thread and greenlet, but all of a process share one copy: each
    greenlet's own copy would keep a connection open until the copy is garbage-collected.
    """
    if not hasattr(backend, "connparams"):
        return backend
    owner = backend.app if backend is backend.app.backend else backend
    quick = vars(owner).get("_progress_quick")
    if quick is None:
        quick = copy.copy(backend)
        quick.connparams = backend.connparams | {
            "socket_timeout": TIMEOUT,
            "retry": Retry(NoBackoff(), 0),
        }
        if "path" not in quick.connparams:  # a Unix socket has no such option
            quick.connparams["socket_connect_timeout"] = TIMEOUT
        quick.retry_policy = {"max_retries": 0}
        quick.__dict__.pop("client", None)  # the next use makes a new client from connparams
        quick.set = lambda key, value, **_: _set_over_ours(quick, key, value)
        owner._progress_quick = quick
    return quick


def _set_over_ours(backend: Any, key: Any, value: Any) -> None:
    """Set the key as RedisBackend.set() does, unless its state must stay or changes meanwhile."""
    with backend.client.pipeline() as pipe:
        pipe.watch(key)
        stands = pipe.get(key)
        if stands and backend.decode_result(stands)["status"] not in _replaces.get():
            return
        pipe.multi()
        expires = getattr(backend, "expires", None)
        pipe.set(key, value, ex=int(expires) if expires else None)
        pipe.publish(key, value)
        try:
            pipe.execute()
        except WatchError:
            return  # another process has written a newer state


@contextmanager
def _own_connections() -> Iterator[None]:
    """Use separate database connections with short timeouts in this thread, then close them.

    So a write neither waits for nor breaks the task's transaction, and uses no dead connection.
    """
    theirs = {name: connections[name] for name in connections}
    own = {name: _impatient(connection) for name, connection in theirs.items()}
    try:
        for name, connection in own.items():
            connections[name] = connection
        yield
    finally:
        for name, connection in own.items():
            connections[name] = theirs[name]
            connection.close()


def _impatient(connection: Any) -> Any:
    """Return a new connection to the same database, which waits at most about 0.3 s for locks."""
    mine = connection.copy()
    options = dict(mine.settings_dict.get("OPTIONS") or {})
    if mine.vendor == "sqlite":
        options["timeout"] = TIMEOUT
    elif mine.vendor == "postgresql":
        limits = f"-c lock_timeout={int(TIMEOUT * 1000)} -c statement_timeout={int(SLOW * 1000)}"
        options["options"] = f"{options.get('options', '')} {limits}".strip()
        options["connect_timeout"] = 1  # whole seconds
    elif mine.vendor == "mysql":
        limit = "SET SESSION innodb_lock_wait_timeout = 1"  # whole seconds
        options["init_command"] = "; ".join(filter(None, [options.get("init_command"), limit]))
        options["connect_timeout"] = 1
    mine.settings_dict = {**mine.settings_dict, "OPTIONS": options}
    return mine


@contextmanager
def _fresh_connections() -> Iterator[None]:
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
