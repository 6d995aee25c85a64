"""Watch tasks from Python, without Django.

``watch`` and ``watch_blocking`` need the package ``websockets`` (``channels-progress[client]``).
It is imported when one of them is first used, so that the terminal display works without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import Event, State
from .refusals import BadRequestError, ForbiddenError, TooManyError, UnreachableError, WatchError

if TYPE_CHECKING:
    from .watching import watch, watch_blocking

__all__ = [
    "BadRequestError",
    "Event",
    "ForbiddenError",
    "State",
    "TooManyError",
    "UnreachableError",
    "WatchError",
    "watch",
    "watch_blocking",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import watching  # noqa: PLC0415 - see above

    return getattr(watching, name)
