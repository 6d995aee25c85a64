"""Words for amounts, rates and times, as a terminal shows them."""

from __future__ import annotations

BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
MINUTE, HOUR, DAY = 60, 3600, 86400


def number(value: float) -> str:
    """Return the number with at most three significant digits after a whole part below 100."""
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.3g}"


def counts(current: float, total: float | None, unit: str | None) -> str:
    """Return ``current`` of ``total`` with the unit: ``3/10 rows``, or ``1.5/20 MB`` for bytes."""
    if unit == "B":
        power = _power(current if total is None else total)
        unit = BYTES[power]
        current = float(f"{current / 1000**power:.3g}")
        total = None if total is None else float(f"{total / 1000**power:.3g}")
    words = number(current) if total is None else f"{number(current)}/{number(total)}"
    return f"{words} {unit}" if unit else words


def speed(rate: float | None, unit: str | None) -> str:
    """Return the rate with the unit: ``40 rows/s``, ``1.5 MB/s``; empty if it is unknown."""
    return "" if rate is None else f"{counts(rate, None, unit)}/s"


def time_left(seconds: float | None) -> str:
    """Return the time left in words as rough as the estimate; empty if nobody knows it."""
    if seconds is None:
        return ""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 55:
        return f"about {round(seconds / 10) * 10} seconds left"
    for limit, length, name in ((90 * MINUTE, MINUTE, "minute"), (36 * HOUR, HOUR, "hour")):
        if seconds < limit:
            return f"about {_several(round(seconds / length), name)} left"
    return f"about {_several(round(seconds / DAY), 'day')} left"


def elapsed(seconds: float) -> str:
    """Return the time as minutes and seconds, ``1:05``, or with hours, ``2:01:05``."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _power(value: float) -> int:
    """Return the power of 1000 of the largest unit of bytes that is not larger than the value."""
    power = 0
    while value >= 1000 and power < len(BYTES) - 1:
        value, power = value / 1000, power + 1
    return power


def _several(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
