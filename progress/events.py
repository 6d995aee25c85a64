"""What a watcher needs to draw one task now, and its JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from operator import itemgetter
from typing import Any, Self

DESCRIPTION_LIMIT = 512  # characters
LOST = "The worker was lost."
RESULT_LIMIT = 6 * 1024  # bytes of JSON
EVENT_LIMIT = 8 * 1024  # bytes of JSON, of an id of up to 255 characters
FOREIGN = 8 * EVENT_LIMIT  # characters above which a text is no event of ours
COUNTABLE = 2**53  # beyond it a JavaScript number, and so a watcher, cannot count in ones


class State(StrEnum):
    """Celery's words, and UNKNOWN for an id of which nothing is known."""

    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    STARTED = "STARTED"
    PROGRESS = "PROGRESS"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"


OUTCOMES = frozenset({State.SUCCESS, State.FAILURE, State.REVOKED})
#: States in which a worker is at it, and so gives signs of life.
RUNNING = frozenset({State.STARTED, State.PROGRESS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The whole state of one task at one moment; nobody needs the events before it.

    ``version`` strictly rises for one task and is given by the store; an event that was not
    stored yet has version 0. ``run`` is the version of the event that opened this execution
    of the task: a retry or a redelivery opens another. ``total`` None means that the amount of
    work is unknown. ``attempt`` counts from 1 with Celery's retries.
    """

    task_id: str
    state: State
    version: int = 0
    run: int = 0
    stalled: bool = False
    attempt: int = 1
    current: float = 0
    total: float | None = None
    description: str = ""
    result: Any = None
    error: str | None = None
    #: The JSON this was read from, so that nobody encodes it again.
    _text: str = field(default="", init=False, compare=False, repr=False)

    @property
    def complete(self) -> bool:
        """Whether this is the outcome, after which nothing follows in the same run."""
        return self.state in OUTCOMES

    @property
    def success(self) -> bool | None:
        """True or False once complete, None before."""
        return self.state is State.SUCCESS if self.complete else None

    @property
    def percent(self) -> float | None:
        """Within 0 to 100, two decimals; None while the total is unknown; 0 of 0 is 100."""
        if self.total is None:
            return None
        if self.total == 0:
            return 100.0
        return round(min(max(self.current / self.total, 0), 1) * 100, 2)

    def body(self) -> str:
        """The JSON after the head that the store writes, without the opening brace."""
        fields = {
            "state": self.state,
            "task_id": self.task_id,
            "attempt": self.attempt,
            "current": self.current,
            "total": self.total,
            "percent": self.percent,
            "description": self.description,
            "complete": self.complete,
            "success": self.success,
            "result": self.result,
            "error": self.error,
        }
        text = encode(fields)
        if self.result is not None and len(text.encode()) > EVENT_LIMIT - HEAD_LIMIT:
            text = encode({**fields, "result": None})  # words for people go first
        return text[1:]

    def text(self) -> str:
        """The event as it goes over the wire."""
        if self._text:
            return self._text
        return head(version=self.version, run=self.run, stalled=self.stalled) + self.body()

    def stored(self, version: int, run: int, body: str) -> Self:
        """This event as the store took it, with what :meth:`body` gave."""
        event = replace(self, version=version, run=run, stalled=False)
        object.__setattr__(event, "_text", head(version=version, run=run, stalled=False) + body)
        return event

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """Read what :meth:`text` wrote. Raises ValueError for anything else."""
        try:
            decoded = text if isinstance(text, str) else text.decode()
            event = cls(**dict(zip(FIELDS, _fields(_read(decoded)), strict=True)))
            object.__setattr__(event, "_text", decoded)
            return event._checked()
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"not an event: {text[:80]!r}: {error!r:.200}") from error

    def _checked(self) -> Self:
        """Raises ValueError, or TypeError, for what `text` does not write."""
        object.__setattr__(self, "state", STATES[self.state])
        total = 0 if self.total is None else self.total
        # Not in a loop: an event of each task passes here in each web process.
        if not (
            0 <= self.version <= COUNTABLE
            and 0 <= self.run <= COUNTABLE
            and 0 <= self.current <= COUNTABLE
            and 0 <= total <= COUNTABLE
        ):
            raise ValueError("version, run, current or total is no number that can be counted to")
        if not (
            isinstance(self.task_id, str)
            and isinstance(self.description, str)
            and isinstance(self.error or "", str)
            and isinstance(self.stalled, bool)
        ):
            raise TypeError("task_id, description, error or stalled is of another type")
        return self


def _refuse(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")


def _read(text: str) -> Any:
    if len(text) > FOREIGN:
        raise ValueError("too long")
    values, end = _finite.raw_decode(text)
    if (end != len(text) and text[end:].strip()) or values["type"] != "progress":
        raise ValueError("another type, or more than one value")
    return values


_finite = json.JSONDecoder(parse_constant=_refuse)


def follows(current: Event, following: Event) -> bool:
    """Whether a watcher that has ``current`` takes ``following``: ``frontend/merge.js``'s twin.

    After the outcome nothing follows; before it, what has a higher version.
    """
    return not current.complete and following.version > current.version


def unknown(task_id: str) -> Event:
    """What is said of an id of which nothing is known."""
    return Event(task_id=task_id, state=State.UNKNOWN)


def ended(run: Event, outcome: Event) -> Event:
    """The outcome as it is told from outside the run, with the counts that the run had."""
    current = run.current
    if outcome.state is State.SUCCESS and run.total is not None:
        current = run.total
    return replace(
        run,
        version=0,
        stalled=False,
        state=outcome.state,
        current=current,
        error=outcome.error,
        result=outcome.result,
    )


def lost(event: Event) -> Event:
    """The outcome of a run whose worker is gone for good, with the counts it had."""
    return ended(event, Event(task_id=event.task_id, state=State.FAILURE, error=LOST))


STATES = {str(state): state for state in State}
FIELDS = tuple(each.name for each in fields(Event) if each.init)
_fields = itemgetter(*FIELDS)
HEAD_LIMIT = 120  # bytes of what `head` writes


def head(*, version: int, run: int, stalled: bool) -> str:
    """The beginning of an event's JSON; ``store.lua`` writes and reads the same text."""
    return f'{{"type":"progress","version":{version},"run":{run},"stalled":{str(stalled).lower()},'


def encode(value: Any) -> str:
    """Compact JSON; raises ValueError for NaN and Infinity, TypeError for what JSON lacks."""
    return _compact.encode(value)


_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def amount(value: object) -> int | float:
    """A finite number at or above zero, as JSON can carry it.

    Takes whatever counts as a real number (int, float, Decimal, NumPy's). Raises ValueError
    for anything else, NaN and infinities; what is below zero becomes zero.
    """
    try:
        number = float(value)  # type: ignore[arg-type]  # float() raises for what it cannot take
    except Exception:  # whatever it is, it may raise whatever it likes
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
    """Text that any client can decode and show, at most 512 characters."""
    text = value if isinstance(value, str) else str(value)
    # A lone surrogate cannot be sent as UTF-8.
    return text[:DESCRIPTION_LIMIT].encode("utf-8", "replace").decode()


def capped(result: Any) -> Any:
    """The result if it is JSON of at most 6 KiB, else None."""
    try:
        small = len(encode(result).encode()) <= RESULT_LIMIT
    except (TypeError, ValueError, RecursionError):
        return None
    return result if small else None
