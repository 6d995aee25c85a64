"""Reports of loops, and of loops inside loops."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..values import unit_name

#: A report: current, total and description as the task gave them, and its loop. The loop is None
#: if it has no unit and no loop around it.
Said = tuple[Any, Any, Any, "Loop | None"]


class Loop(NamedTuple):
    """What stays the same in all reports of a loop."""

    around: Said | None  # the last report of the loop around it, from before this loop began
    unit: str | None


NOTHING_SAID: Said = (0, None, "", None)


def loop(outer: Said | None, unit: Any) -> Loop | None:
    """Return the loop inside the loop of ``outer``; None if it has neither that nor a unit."""
    name = unit_name(unit)
    return None if outer is None and name is None else Loop(outer, name)


def around(said: Said, left: Said | None) -> Said | None:
    """Return the report of the loop around a loop that begins after this report, or None.

    ``left`` is the last report of the loop that was left last: no loop can begin inside it.
    """
    current, total, _, _ = said
    try:
        is_open = said is not left and total is not None and bool(current < total)
    except Exception:  # the values' own code may raise anything
        is_open = False
    return said if is_open else around_of(said)


def around_of(said: Said) -> Said | None:
    """Return the last report of the loop around the loop of this report."""
    loop = said[3]
    return None if loop is None else loop.around


def unit_of(said: Said) -> str | None:
    """Return the unit of the report's loop."""
    loop = said[3]
    return None if loop is None else loop.unit


def outermost(said: Said) -> Said:
    """Return the last report of the outermost loop, which is the whole task."""
    outer = around_of(said)
    while outer is not None:
        said, outer = outer, around_of(outer)
    return said


def counted(said: Said) -> tuple[Any, Any]:
    """Return current and total of the outermost loop, with the share that a nested loop has done.

    A nested loop is a part of one unit of the loop around it.
    """
    current, total, _, _ = said
    outer = around_of(said)
    while outer is not None:
        share = min(max(float(current) / float(total), 0.0), 1.0) if total else 0.0
        current, total, outer = float(outer[0]) + share, outer[1], around_of(outer)
    return current, total


def whole(said: Said) -> float | None:
    """Return the percent of the whole task for a nested loop; None for an outermost loop."""
    if around_of(said) is None:
        return None
    try:
        current, total = counted(said)
        return round(min(max(float(current) / float(total), 0.0), 1.0) * 100, 2)
    except Exception:  # the values' own code may raise anything
        return None
