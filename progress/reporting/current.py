"""The publisher of this process: made at first use, closed at exit, replaced after a fork."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from multiprocessing import util

from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ImproperlyConfigured

from .publisher import EXIT_FLUSH, Publisher
from .runs import Run, count_fork

logger = logging.getLogger(__name__)

IN_VAIN = 5.0  # seconds without another flush, after a flush that took longer than EXIT_FLUSH

_publisher: Publisher | None = None
_adopter: Publisher | None = None  # the publisher that continued a run of another process
_orphans: list[Publisher] = []
_lock = threading.Lock()
_configured = True
_in_vain_until = 0.0


def current_publisher() -> Publisher | None:
    """Return the publisher of this process; start it at first use, and again after a fork.

    Returns None, and logs it once, if the settings name no Redis server. Raises only
    SoftTimeLimitExceeded; the next call tries again.
    """
    global _publisher, _configured  # noqa: PLW0603 - one publisher per process
    if _publisher is None and _configured:
        with _lock:
            if _publisher is None and _configured:
                try:
                    _publisher = Publisher()
                except SoftTimeLimitExceeded:  # Celery raises it wherever the task is
                    raise
                except Exception as error:  # the caller may be User.save(), which must not fail
                    _configured = False
                    expected = isinstance(error, ImproperlyConfigured)
                    logger.log(
                        logging.ERROR, "No progress is published: %s", error, exc_info=not expected
                    )
    return _publisher


def adopt(run: Run) -> None:
    """Publish, in this process, a run that began in the parent process before the fork."""
    global _adopter  # noqa: PLW0603 - one a process
    publisher = current_publisher()
    if publisher is not None:
        if _adopter is not publisher:
            # Processes of multiprocessing and billiard do not run atexit functions.
            util.Finalize(None, last_words, exitpriority=0)
            _adopter = publisher
        publisher.adopt(run)


def flush(timeout: float = EXIT_FLUSH) -> bool:
    """Wait at most ``timeout`` seconds for all reports; return whether they are delivered."""
    return _publisher is None or _publisher.flush(timeout)


def last_words() -> None:
    """Flush before the process ends, unless a flush failed in the last 5 s."""
    global _in_vain_until  # noqa: PLW0603 - a process ends once
    if time.monotonic() >= _in_vain_until and not flush():
        _in_vain_until = time.monotonic() + IN_VAIN


def close() -> None:
    """Flush the publisher and end it; the next task starts another publisher."""
    global _publisher, _configured
    if _publisher is not None:
        _publisher.close()
    _publisher, _configured = None, True


def _after_fork() -> None:
    # Keep the parent's loop unused and referenced: closing it would change the parent's epoll.
    global _publisher, _lock  # noqa: PLW0603
    _lock = threading.Lock()
    if _publisher is not None:
        _publisher.orphan()
        _orphans.append(_publisher)
        _publisher = None


os.register_at_fork(before=count_fork, after_in_child=_after_fork)
atexit.register(last_words)
