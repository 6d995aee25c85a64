"""The settings: one table of names, defaults, units and checks.

Each entry is called to get its value: ``conf.interval()``. A value is read and checked when it is
first used; a wrong value raises ImproperlyConfigured, and the message says what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from . import redis_servers

T = TypeVar("T")
#: Takes a setting's name and value, and returns the value to use or raises ImproperlyConfigured.
Check = Callable[[str, Any], T]

MEMORY = "memory://"
SETTINGS: dict[str, Setting[Any]] = {}


class Setting(Generic[T]):
    """One row of the table; calling it returns the checked value.

    Raises ImproperlyConfigured while the site's settings hold a wrong value.
    """

    def __init__(self, name: str, default: Any, unit: str, check: Check[T], meaning: str) -> None:
        self.name = f"PROGRESS_{name}"
        self.default = default
        self.unit = unit
        self.meaning = meaning
        self._check = check
        self._known: list[T] = []  # Django takes 4 µs to look up a missing setting
        SETTINGS[self.name] = self

    def __call__(self) -> T:
        if not self._known:
            value = getattr(settings, self.name, self.default)
            self._known = [self._check(self.name, value)]
        return self._known[0]

    def forget(self) -> None:
        """Read the site's settings again at the next call."""
        self._known = []


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ImproperlyConfigured(f"{name} must be a number of seconds above 0, not {value!r}")
    return float(value)


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ImproperlyConfigured(f"{name} must be a whole number above 0, not {value!r}")
    return value


def _switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ImproperlyConfigured(f"{name} must be True or False, not {value!r}")
    return value


def _text(_name: str, value: Any) -> str:
    return str(value)


def _store_url(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ImproperlyConfigured(
            f"{name} is not set: give it the URL of a Redis or Valkey server, as in "
            '"redis://localhost:6379/0", or "memory://" in tests'
        )
    if redis_servers.is_sentinel(value):
        redis_servers.parse(value)
    return value


def _rule(name: str, value: Any) -> Any:
    try:
        rule = import_string(value) if isinstance(value, str) and value else value or None
    except ImportError as error:
        raise ImproperlyConfigured(f"{name} cannot be imported: {error}") from error
    if rule is not None and not callable(rule):
        raise ImproperlyConfigured(f"{name} must name a callable, not {rule!r:.80}")
    return rule


redis_url = Setting(
    "REDIS_URL", "", "URL", _store_url,
    "The Redis or Valkey server that holds the newest event of each task. "
    "`sentinel://host:port,…/<primary>/<database>` finds it through Sentinels; `memory://` keeps "
    "events in this process, for tests and eager tasks.",
)  # fmt: skip
prefix = Setting("PREFIX", "progress", "text", _text, "The start of every key and group name.")
interval = Setting(
    "INTERVAL", 0.1, "seconds", _seconds, "The time between two progress events of one task."
)
retention = Setting(
    "RETENTION", 86400, "seconds", _seconds, "How long the last event of a task is kept."
)
heartbeat = Setting(
    "HEARTBEAT", 5.0, "seconds", _seconds, "The time between two heartbeats of a running task."
)
stalled_after = Setting(
    "STALLED_AFTER", 15.0, "seconds", _seconds,
    "A running task without a heartbeat for this long is shown as stalled.",
)  # fmt: skip
lost_after = Setting(
    "LOST_AFTER", 3900.0, "seconds", _seconds,
    "A task without a heartbeat for this long counts as failed. It must exceed the broker's "
    "visibility timeout (Redis: 3600), after which the broker delivers the task again.",
)  # fmt: skip
reconcile = Setting(
    "RECONCILE", 5.0, "seconds", _seconds,
    "A web process recovers within this time what the channel layer lost.",
)  # fmt: skip
result_backend = Setting(
    "RESULT_BACKEND", True, "True or False", _switch,  # noqa: FBT003 - a default is a value
    "Whether tasks that report write the state `PROGRESS` to Celery's result backend.",
)  # fmt: skip
permission = Setting(
    "PERMISSION", "", "callable", _rule,
    "A callable that decides who may watch or cancel, or its dotted path. It is called with the "
    "asker (`access.Asker`), the task id, and `watch` or `cancel`. Without it, a valid token "
    "decides.",
)  # fmt: skip
token_lifetime = Setting(
    "TOKEN_LIFETIME", 8 * 3600.0, "seconds", _seconds,
    "How long a token is valid. Pages that stay open renew their tokens.",
)  # fmt: skip
frame_limit = Setting(
    "FRAME_LIMIT", 4096, "bytes", _count, "The largest frame that a client may send."
)
frame_rate = Setting(
    "FRAME_RATE", 20, "frames a second", _count,
    "How many frames a client may send; 200 at once are allowed.",
)  # fmt: skip
first_frame = Setting(
    "FIRST_FRAME", 10.0, "seconds", _seconds,
    "A client that has not subscribed to any task within this time is disconnected.",
)  # fmt: skip
subscriptions = Setting(
    "SUBSCRIPTIONS", 100, "tasks", _count, "How many tasks one socket may watch."
)
sockets_per_user = Setting(
    "SOCKETS_PER_USER", 50, "sockets", _count,
    "How many sockets one user may have in one web process.",
)  # fmt: skip
sockets_per_address = Setting(
    "SOCKETS_PER_ADDRESS", 1000, "sockets", _count,
    "How many sockets one IP address may have in one web process.",
)  # fmt: skip
handshake_rate = Setting(
    "HANDSHAKE_RATE", 1000, "sockets a second", _count,
    "How many new sockets one web process accepts.",
)  # fmt: skip

DEFAULTS: dict[str, Any] = {name: setting.default for name, setting in SETTINGS.items()}


def _forget(*, setting: str, **_: Any) -> None:
    if setting in SETTINGS:
        SETTINGS[setting].forget()


setting_changed.connect(_forget)  # sent by override_settings() in tests


def is_configured() -> bool:
    """Whether the settings name a store; a test with eager tasks may need none."""
    return bool(getattr(settings, redis_url.name, None))


def in_memory() -> bool:
    """Whether the store is memory://, for tests and eager tasks."""
    return bool(getattr(settings, redis_url.name, None) == MEMORY)


def silence() -> float:
    """Seconds without a heartbeat after which the store marks a task as stalled.

    A web process reads the store every PROGRESS_RECONCILE seconds, so this is
    PROGRESS_STALLED_AFTER minus that time, but at least two heartbeats.
    """
    return max(2 * heartbeat(), stalled_after() - reconcile())


def nearly_lost_after() -> float:
    """Seconds without a heartbeat after which the reaper starts to watch a task."""
    return max(0.0, lost_after() - 2 * heartbeat())


def running_retention() -> float:
    """Seconds that the event of an unfinished task is kept after its last heartbeat.

    A task must not be forgotten before it can count as lost.
    """
    return max(retention(), lost_after() + 2 * stalled_after())


def check_access() -> None:
    """Raise ImproperlyConfigured if the permission rule or a limit is wrong."""
    for setting in (permission, token_lifetime, first_frame, *limits()):
        setting()


def check_durations() -> None:
    """Raise ImproperlyConfigured if a duration is wrong, or does not fit another duration."""
    for setting in (interval, retention, reconcile, result_backend):
        setting()
    if not heartbeat() < stalled_after() < lost_after():
        raise ImproperlyConfigured(
            "PROGRESS_HEARTBEAT must be below PROGRESS_STALLED_AFTER, and PROGRESS_STALLED_AFTER "
            "below PROGRESS_LOST_AFTER"
        )


def limits() -> list[Setting[int]]:
    """The settings that limit one client."""
    return [setting for setting in SETTINGS.values() if setting._check is _count]
