"""Values that tasks hand in, made fit for an event and its JSON."""

from __future__ import annotations

import json
import math
from typing import Any

DESCRIPTION_LIMIT = 512  # characters
RESULT_LIMIT = 6 * 1024  # bytes of JSON
COUNTABLE = 2**53  # above it JavaScript numbers skip whole numbers


def encode(value: Any) -> str:
    """Compact JSON; raises ValueError for NaN and Infinity, TypeError for what JSON lacks."""
    return _compact.encode(value)


_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def amount(value: object) -> int | float:
    """A finite number from 0 to 2**53, as JSON and JavaScript can carry it.

    Takes whatever counts as a real number (int, float, Decimal, NumPy's). A lower or higher number
    becomes 0 or 2**53. Raises ValueError for anything else, NaN and infinities.
    """
    try:
        number = float(value)  # type: ignore[arg-type]  # float() raises for what it cannot take
    except OverflowError:  # a whole number of more than 308 digits
        number = float(COUNTABLE) if value > 0 else 0.0  # type: ignore[operator]  # it is a number
    except Exception:  # the value's own code may raise anything
        raise ValueError(f"must be a number, not {_named(value)}") from None
    if isinstance(value, str | bytes) or not math.isfinite(number):
        raise ValueError(f"must be a finite number, not {_named(value)}")
    number = min(max(number, 0.0), float(COUNTABLE))
    return int(number) if number.is_integer() else number


def _named(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except Exception:
        return f"a {type(value).__name__}"


def words(value: object) -> str:
    """Text that every client can decode and show, cut at 512 characters."""
    text = value if isinstance(value, str) else str(value)
    # UTF-8 cannot carry a lone surrogate.
    return text[:DESCRIPTION_LIMIT].encode("utf-8", "replace").decode()


def capped(result: Any) -> Any:
    """The result if it is JSON of at most 6 KiB, else None."""
    try:
        small = len(encode(result).encode()) <= RESULT_LIMIT
    except (TypeError, ValueError, RecursionError):
        return None
    return result if small else None
