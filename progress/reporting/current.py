"""The one publisher of a process, from its first use to its end; a forked process gets another."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from multiprocessing import util

from django.core.exceptions import ImproperlyConfigured

from .publisher import EXIT_FLUSH, Publisher
from .runs import Run, count_fork

logger = logging.getLogger(__name__)

IN_VAIN = 5.0  # seconds without another try after EXIT_FLUSH was too short

_publisher: Publisher | None = None
_orphans: list[Publisher] = []
_lock = threading.Lock()
_configured = True
_in_vain_until = 0.0


def current_publisher() -> Publisher | None:
    """The publisher of this process, started on first use and once more after a fork.

    None, and one line in the log, where the settings do not name a place to publish to.
    """
    global _publisher, _configured  # noqa: PLW0603 - one a process is the point
    if _publisher is None and _configured:
        with _lock:
            if _publisher is None and _configured:
                try:
                    _publisher = Publisher()
                except Exception as error:  # User.save() may be the caller, and must not fail
                    _configured = False
                    expected = isinstance(error, ImproperlyConfigured)
                    logger.log(
                        logging.ERROR, "No progress is published: %s", error, exc_info=not expected
                    )
    return _publisher


def adopt(run: Run) -> None:
    """Continue here a run that began in the process from which this one was forked."""
    publisher = current_publisher()
    if publisher is not None:
        # A process of multiprocessing or billiard ends without running atexit.
        util.Finalize(None, last_words, exitpriority=0)
        publisher.adopt(run)


def flush(timeout: float = EXIT_FLUSH) -> bool:
    """Wait until this process delivered what its tasks said, at most ``timeout`` seconds."""
    return _publisher is None or _publisher.flush(timeout)


def last_words() -> None:
    """Flush before the process ends; not again right after a flush that was in vain."""
    global _in_vain_until  # noqa: PLW0603 - one end a process
    if time.monotonic() >= _in_vain_until and not flush():
        _in_vain_until = time.monotonic() + IN_VAIN


def close() -> None:
    """Flush and end the thread; the next task starts another."""
    global _publisher, _configured
    if _publisher is not None:
        _publisher.close()
    _publisher, _configured = None, True


def _after_fork() -> None:
    # The parent's loop must be neither used nor collected here: it shares the parent's epoll.
    global _publisher, _lock  # noqa: PLW0603
    _lock = threading.Lock()
    if _publisher is not None:
        _publisher.orphan()
        _orphans.append(_publisher)
        _publisher = None


os.register_at_fork(before=count_fork, after_in_child=_after_fork)
atexit.register(last_words)
