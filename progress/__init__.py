"""Live progress of Celery tasks, pushed over websockets.

These are the names that most code needs. Each is imported when it is first used, so importing
one module of this package does not import Celery or Django.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .access.owners import owned_task_id
    from .access.tokens import amake_token, make_token
    from .exceptions import PublicError
    from .locations import aaddresses, addresses
    from .reporting.auth_signals import recheck
    from .reporting.console import ConsoleProgressRecorder
    from .reporting.recorder import ProgressRecorder, track
    from .standalone import configure

__all__ = [
    "ConsoleProgressRecorder",
    "ProgressRecorder",
    "PublicError",
    "aaddresses",
    "addresses",
    "amake_token",
    "configure",
    "make_token",
    "owned_task_id",
    "recheck",
    "track",
]

_HOMES = {
    "ConsoleProgressRecorder": "reporting.console",
    "ProgressRecorder": "reporting.recorder",
    "PublicError": "exceptions",
    "aaddresses": "locations",
    "addresses": "locations",
    "amake_token": "access.tokens",
    "configure": "standalone",
    "make_token": "access.tokens",
    "owned_task_id": "access.owners",
    "recheck": "reporting.auth_signals",
    "track": "reporting.recorder",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
