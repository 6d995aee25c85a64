"""The settings, their defaults and units, read when first used.

============================ ======= ==================================================
setting                      default
============================ ======= ==================================================
PROGRESS_REDIS_URL           (none)  Redis or Valkey that holds the newest event of each
                                     task; ``sentinel://host:port,…/<primary>/<database>``
                                     where Sentinels know it; ``memory://`` keeps it in
                                     this process, for tests and eager tasks
PROGRESS_PREFIX              progress  what every key and group name starts with
PROGRESS_INTERVAL            0.1     seconds between two progress events of one task
PROGRESS_RETENTION           86400   seconds an event is kept after the last one
PROGRESS_HEARTBEAT           5       seconds between two signs of life of a running task
PROGRESS_STALLED_AFTER       15      seconds without one until a task is said to be stalled
PROGRESS_LOST_AFTER          3900    seconds without one until it is said to have failed: nobody
                                     will come back. Longer than the broker's visibility
                                     timeout (Redis: 3600), which brings a task back
PROGRESS_RECONCILE           5       seconds within which a web process shows what the layer lost
PROGRESS_PERMISSION          (none)  a callable that says who may, or its dotted path: given who
                                     asks (``access.Asker``), the task id, "watch" or "cancel";
                                     without one a good token does
PROGRESS_TOKEN_LIFETIME      28800   seconds a token is good for, or until it is renewed
PROGRESS_FRAME_LIMIT         4096    bytes a client's frame may have
PROGRESS_FRAME_RATE          20      frames a second a client may send, and 200 at once
PROGRESS_FIRST_FRAME         10      seconds until a client has to say what it wants to watch
PROGRESS_SUBSCRIPTIONS       100     tasks one socket may watch
PROGRESS_SOCKETS_PER_USER    50      sockets of one user in one web process
PROGRESS_SOCKETS_PER_ADDRESS 1000    sockets of one address in one web process
PROGRESS_HANDSHAKE_RATE      1000    sockets a second that one web process accepts
============================ ======= ==================================================
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from . import redis_servers

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
    "PROGRESS_PERMISSION": "",
    "PROGRESS_TOKEN_LIFETIME": 8 * 3600.0,
    "PROGRESS_FRAME_LIMIT": 4096,
    "PROGRESS_FRAME_RATE": 20,
    "PROGRESS_FIRST_FRAME": 10.0,
    "PROGRESS_SUBSCRIPTIONS": 100,
    "PROGRESS_SOCKETS_PER_USER": 50,
    "PROGRESS_SOCKETS_PER_ADDRESS": 1000,
    "PROGRESS_HANDSHAKE_RATE": 1000,
}


_COUNTS = (
    "PROGRESS_FRAME_LIMIT",
    "PROGRESS_FRAME_RATE",
    "PROGRESS_SUBSCRIPTIONS",
    "PROGRESS_SOCKETS_PER_USER",
    "PROGRESS_SOCKETS_PER_ADDRESS",
    "PROGRESS_HANDSHAKE_RATE",
)


@cache  # Django takes 4 µs each time to say that a setting is not set
def _get(name: str) -> Any:
    return getattr(settings, name, DEFAULTS[name])


def _changed(**_: Any) -> None:
    _get.cache_clear()


setting_changed.connect(_changed)  # a test has others


def _seconds(name: str) -> float:
    value = _get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ImproperlyConfigured(f"{name} must be a number of seconds above 0, not {value!r}")
    return float(value)


def _count(name: str) -> int:
    value = _get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ImproperlyConfigured(f"{name} must be a whole number above 0, not {value!r}")
    return value


def redis_url() -> str:
    """Where the store is. Raises ImproperlyConfigured while it is not set, or names no Sentinel."""
    url = _get("PROGRESS_REDIS_URL")
    if not isinstance(url, str) or not url:
        raise ImproperlyConfigured(
            "PROGRESS_REDIS_URL is not set: give it the URL of a Redis or Valkey server, as in "
            '"redis://localhost:6379/0", or "memory://" in tests'
        )
    if redis_servers.is_sentinel(url):
        redis_servers.read(url)
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


def nearly_lost_after() -> float:
    """Seconds without a sign of life until a task is watched for two heartbeats more."""
    return max(0.0, lost_after() - 2 * heartbeat())


def reconcile() -> float:
    """Seconds between two looks of a web process at the store."""
    return _seconds("PROGRESS_RECONCILE")


def permission() -> Any:
    """The callable that says who may, or None. Raises ImproperlyConfigured."""
    rule = _get("PROGRESS_PERMISSION") or None
    try:
        rule = import_string(rule) if isinstance(rule, str) else rule
    except ImportError as error:
        raise ImproperlyConfigured(f"PROGRESS_PERMISSION cannot be imported: {error}") from error
    if rule is not None and not callable(rule):
        raise ImproperlyConfigured(f"PROGRESS_PERMISSION must name a callable, not {rule!r:.80}")
    return rule


def token_lifetime() -> float:
    """Seconds a token is good for, or until it is renewed."""
    return _seconds("PROGRESS_TOKEN_LIFETIME")


def frame_limit() -> int:
    """Bytes a client's frame may have."""
    return _count("PROGRESS_FRAME_LIMIT")


def frame_rate() -> int:
    """Frames a second a client may send."""
    return _count("PROGRESS_FRAME_RATE")


def first_frame() -> float:
    """Seconds until a client has to say what it wants to watch."""
    return _seconds("PROGRESS_FIRST_FRAME")


def subscriptions() -> int:
    """Tasks one socket may watch."""
    return _count("PROGRESS_SUBSCRIPTIONS")


def sockets_per_user() -> int:
    """Sockets of one user in one web process."""
    return _count("PROGRESS_SOCKETS_PER_USER")


def sockets_per_address() -> int:
    """Sockets of one address in one web process."""
    return _count("PROGRESS_SOCKETS_PER_ADDRESS")


def handshake_rate() -> int:
    """Sockets a second that one web process accepts."""
    return _count("PROGRESS_HANDSHAKE_RATE")


def check_access() -> None:
    """Raise ImproperlyConfigured for a rule that is none, and limits that are no numbers."""
    permission(), token_lifetime(), first_frame()
    for name in _COUNTS:
        _count(name)


def check_durations() -> None:
    """Raise ImproperlyConfigured for durations that are none, or do not fit each other."""
    interval(), retention(), reconcile()
    if not heartbeat() < stalled_after() < lost_after():
        raise ImproperlyConfigured(
            "PROGRESS_HEARTBEAT must be below PROGRESS_STALLED_AFTER, and that below "
            "PROGRESS_LOST_AFTER: a task is not stalled before a sign of life is due"
        )
