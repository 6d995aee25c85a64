"""Live progress of Celery tasks, pushed over websockets.

The names most code needs; everything else is in the module that names the concept. They are
loaded when first asked for, so that importing one module does not import Celery or Django.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .console import ConsoleProgressRecorder
    from .exceptions import PublicError
    from .locations import addresses
    from .rechecks import recheck
    from .recorder import ProgressRecorder, track
    from .standalone import configure
    from .tokens import make_token

__all__ = [
    "ConsoleProgressRecorder",
    "ProgressRecorder",
    "PublicError",
    "addresses",
    "configure",
    "make_token",
    "recheck",
    "track",
]

_HOMES = {
    "ConsoleProgressRecorder": "console",
    "ProgressRecorder": "recorder",
    "PublicError": "exceptions",
    "addresses": "locations",
    "configure": "standalone",
    "make_token": "tokens",
    "recheck": "rechecks",
    "track": "recorder",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
