"""Converts the values that tasks report into values for an event and its JSON."""

from __future__ import annotations

import json
import math
from typing import Any

DESCRIPTION_LIMIT = 512  # characters
UNIT_LIMIT = 16  # characters
RESULT_LIMIT = 6 * 1024  # bytes of JSON
COUNTABLE = 2**53  # above it JavaScript cannot represent every whole number


def encode(value: Any) -> str:
    """Return compact JSON. Raises ValueError for NaN and infinity, TypeError for other types."""
    return _compact.encode(value)


_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def amount(value: object) -> int | float:
    """Return the value as a finite number from 0 to 2**53, the range that JavaScript counts in.

    Accepts any real number (int, float, Decimal, NumPy's). A number below 0 becomes 0, a number
    above 2**53 becomes 2**53. Raises ValueError for NaN, infinity, and any other value.
    """
    try:
        number = float(value)  # type: ignore[arg-type]  # float() raises for what it cannot take
    except OverflowError:  # a whole number of more than 308 digits
        number = float(COUNTABLE) if value > 0 else 0.0  # type: ignore[operator]  # only numbers overflow
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
    """Return the value as text that UTF-8 can encode, cut at 512 characters."""
    text = value if isinstance(value, str) else str(value)
    # UTF-8 cannot encode a lone surrogate.
    return text[:DESCRIPTION_LIMIT].encode("utf-8", "replace").decode()


def unit_name(value: object) -> str | None:
    """Return the unit as printable text, cut at 16 characters; None if there is no such text."""
    try:
        text = words("" if value is None else value)
    except Exception:  # the value's own code may raise anything
        return None
    return "".join(each for each in text if each.isprintable())[:UNIT_LIMIT].strip() or None


def whole_number(value: object) -> int:
    """A whole number from 0 to below 2**53; 0 for anything else, such as a forged header.

    The store takes no other number: it would refuse the events of other tasks in the same batch.
    """
    return value if type(value) is int and 0 <= value < COUNTABLE else 0


def identifier(task_id: object) -> str:
    """The id as text that UTF-8 can carry: Celery also takes UUID objects and lone surrogates."""
    text = task_id if isinstance(task_id, str) else str(task_id)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def capped(result: Any) -> Any:
    """Return the result if its JSON is at most 6 KiB, else None."""
    try:
        small = len(encode(result).encode()) <= RESULT_LIMIT
    except (TypeError, ValueError, RecursionError):
        return None
    return result if small else None
