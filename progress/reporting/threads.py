"""A real thread, also where gevent or eventlet put greenlets in the place of threads."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from typing import Any


def start_real_thread(begin: Callable[[], None], serve: Callable[[], None]) -> None:
    """Run both in a thread of the operating system, which does not hold up the exit.

    Returns when ``begin`` is through, and raises what it raised; then ``serve`` runs.
    """
    start, new_lock = _real()
    begun = new_lock()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            begin()
        except BaseException as error:
            failed.append(error)
        finally:
            begun.release()
        if not failed:
            serve()

    begun.acquire()
    start(run, ())
    begun.acquire()  # for a moment, once a process: the other greenlets wait as well
    if failed:
        raise failed[0]


def _real() -> tuple[Any, Any]:
    """How to start a thread and to make a lock, as they were before anybody replaced them."""
    module: Any = _thread
    if "gevent.monkey" in sys.modules:
        from gevent.monkey import get_original  # noqa: PLC0415 - only where it is in use

        start, lock = get_original("_thread", ["start_new_thread", "allocate_lock"])
        return start, lock
    if "eventlet.patcher" in sys.modules:
        from eventlet.patcher import original  # noqa: PLC0415 - only where it is in use

        module = original("_thread")
    return module.start_new_thread, module.allocate_lock
