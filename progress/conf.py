"""The settings, their defaults and units, read when used.

============================ ======= ==================================================
setting                      default
============================ ======= ==================================================
PROGRESS_REDIS_URL           (none)  Redis or Valkey that holds the newest event of each
                                     task; ``memory://`` keeps it in this process, for
                                     tests and eager tasks
PROGRESS_PREFIX              progress  what every key and group name starts with
PROGRESS_INTERVAL            0.1     seconds between two progress events of one task
PROGRESS_RETENTION           86400   seconds an event is kept after the last one
PROGRESS_HEARTBEAT           5       seconds between two signs of life of a running task
PROGRESS_STALLED_AFTER       15      seconds without one until a task is said to be stalled
PROGRESS_LOST_AFTER          3900    seconds without one until it is said to have failed: nobody
                                     will come back. Longer than the broker's visibility
                                     timeout (Redis: 3600), which brings a task back
PROGRESS_RECONCILE           5       seconds within which a web process shows what the layer lost
============================ ======= ==================================================
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

MEMORY = "memory://"

DEFAULTS: dict[str, Any] = {
    "PROGRESS_REDIS_URL": "",
    "PROGRESS_PREFIX": "progress",
    "PROGRESS_INTERVAL": 0.1,
    "PROGRESS_RETENTION": 86400,
    "PROGRESS_HEARTBEAT": 5.0,
    "PROGRESS_STALLED_AFTER": 15.0,
    "PROGRESS_LOST_AFTER": 3900.0,
    "PROGRESS_RECONCILE": 5.0,
}


def _get(name: str) -> Any:
    return getattr(settings, name, DEFAULTS[name])


def _seconds(name: str) -> float:
    value = _get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ImproperlyConfigured(f"{name} must be a number of seconds above 0, not {value!r}")
    return float(value)


def redis_url() -> str:
    """Where the store is. Raises ImproperlyConfigured while it is not set."""
    url = _get("PROGRESS_REDIS_URL")
    if not isinstance(url, str) or not url:
        raise ImproperlyConfigured(
            "PROGRESS_REDIS_URL is not set: give it the URL of a Redis or Valkey server, as in "
            '"redis://localhost:6379/0", or "memory://" in tests'
        )
    return url


def in_memory() -> bool:
    """Whether the store is in this process: in tests, and for eager tasks."""
    return bool(_get("PROGRESS_REDIS_URL") == MEMORY)


def prefix() -> str:
    """What every key and group name starts with."""
    return str(_get("PROGRESS_PREFIX"))


def interval() -> float:
    """Seconds between two progress events of one task."""
    return _seconds("PROGRESS_INTERVAL")


def retention() -> float:
    """Seconds an event is kept after the last one."""
    return _seconds("PROGRESS_RETENTION")


def heartbeat() -> float:
    """Seconds between two signs of life of a running task."""
    return _seconds("PROGRESS_HEARTBEAT")


def stalled_after() -> float:
    """Seconds without a sign of life until a task is said to be stalled."""
    return _seconds("PROGRESS_STALLED_AFTER")


def silence() -> float:
    """Seconds without a sign of life that make a task stalled.

    Less than PROGRESS_STALLED_AFTER by the time that a web process takes to look, but two signs of
    life have to be missing.
    """
    return max(2 * heartbeat(), stalled_after() - reconcile())


def lost_after() -> float:
    """Seconds without a sign of life until a task is said to have failed."""
    return _seconds("PROGRESS_LOST_AFTER")


def reconcile() -> float:
    """Seconds between two looks of a web process at the store."""
    return _seconds("PROGRESS_RECONCILE")


def check_durations() -> None:
    """Raise ImproperlyConfigured for durations that are none, or do not fit each other."""
    interval(), retention(), reconcile()
    if not heartbeat() < stalled_after() < lost_after():
        raise ImproperlyConfigured(
            "PROGRESS_HEARTBEAT must be below PROGRESS_STALLED_AFTER, and that below "
            "PROGRESS_LOST_AFTER: a task is not stalled before a sign of life is due"
        )
