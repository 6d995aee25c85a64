"""Checks: how they are registered, and how they report a broken promise."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

WITHIN = 40.0  # seconds that a check may take


class Broken(Exception):  # noqa: N818 - a promise is broken; nothing went wrong here
    """A promise is not kept; the text says how, in one sentence."""


class NotOffered(Exception):  # noqa: N818 - no error either
    """The deployment does not start tasks of this kind, so the check cannot tell."""


class Check(NamedTuple):
    """One promise. ``group`` is what its module is about."""

    group: str
    name: str
    within: float
    function: Callable[[Any], Awaitable[None]]


CHECKS: list[Check] = []


def check(name: str, *, within: float = WITHIN) -> Callable[[Any], Any]:
    """Register a function of the site as a check; ``within`` is its deadline in seconds."""

    def register(function: Any) -> Any:
        title = (sys.modules[function.__module__].__doc__ or "").strip().rstrip(".")
        CHECKS.append(Check(title, name, within, function))
        return function

    return register


def expect(holds: object, words: str) -> None:
    """Raise Broken with these words unless it holds."""
    if not holds:
        raise Broken(words)
