"""Starts an operating system thread, even where gevent or eventlet replace threads."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from typing import Any


def start_real_thread(begin: Callable[[], None], serve: Callable[[], None]) -> None:
    """Run ``begin`` and then ``serve`` in a daemon thread of the operating system.

    Returns when ``begin`` has returned; raises what ``begin`` raised.
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
    begun.acquire()  # blocks all greenlets, but only for a moment, and once per process
    if failed:
        raise failed[0]


def _real() -> tuple[Any, Any]:
    """Return Python's original functions to start a thread and to make a lock."""
    module: Any = _thread
    if "gevent.monkey" in sys.modules:
        from gevent.monkey import get_original  # noqa: PLC0415 - only where it is in use

        start, lock = get_original("_thread", ["start_new_thread", "allocate_lock"])
        return start, lock
    if "eventlet.patcher" in sys.modules:
        from eventlet.patcher import original  # noqa: PLC0415 - only where it is in use

        module = original("_thread")
    return module.start_new_thread, module.allocate_lock
