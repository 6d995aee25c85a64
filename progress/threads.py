"""A real thread, also where gevent or eventlet put greenlets in the place of threads."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from typing import Any


def start_real_thread(function: Callable[[], None]) -> None:
    """Run the function in a thread of the operating system; it does not hold up the exit."""
    start: Any = _thread.start_new_thread
    if "gevent.monkey" in sys.modules:
        from gevent.monkey import get_original  # noqa: PLC0415 - only where it is in use

        start = get_original("_thread", "start_new_thread")
    elif "eventlet.patcher" in sys.modules:
        from eventlet.patcher import original  # noqa: PLC0415 - only where it is in use

        start = original("_thread").start_new_thread
    start(function, ())
