"""One event, which is the whole state of a task for its watchers, and its JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from operator import itemgetter
from typing import Any, Self

from .values import COUNTABLE, encode

EVENT_LIMIT = 8 * 1024  # bytes of JSON, for a task id of up to 255 characters
FOREIGN = 8 * EVENT_LIMIT  # characters; a longer text is not an event of this package
NEARLY_ALL = 99.99  # the highest percent before a task has ended

LOST = "The worker was lost."
NEVER_RETRIED = "The retry was lost."


class State(StrEnum):
    """Celery's states, and UNKNOWN for a task id without any record."""

    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    STARTED = "STARTED"
    PROGRESS = "PROGRESS"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"


OUTCOMES = frozenset({State.SUCCESS, State.FAILURE, State.REVOKED})
#: States in which a worker executes the task and sends heartbeats.
RUNNING = frozenset({State.STARTED, State.PROGRESS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The complete state of one task at one moment; a watcher needs only the newest event.

    ``version`` strictly rises for one task. The store assigns it; an event that is not stored yet
    has version 0. ``run`` is the version of the first event of this execution of the task; a retry
    or a redelivery begins a new run. ``attempt`` counts from 1 and rises with Celery's retries.
    ``published`` is the time when the task was sent, in microseconds since 1970 by the sender's
    clock, or 0; it is higher when an id is used again. ``worker`` is an opaque name of the process
    that executes this run, or empty. ``total`` is None while the amount of work is unknown.

    ``started`` is the time when this run began, in microseconds on the clock of ``version``; None
    before. ``unit`` is what ``current`` counts, such as ``"rows"`` or ``"B"`` for bytes. ``rate``
    is in units a second, and ``eta`` is the seconds from ``version`` until the task ends. Each is
    None if nobody knows.
    """

    task_id: str
    state: State
    version: int = 0
    run: int = 0
    stalled: bool = False
    attempt: int = 1
    published: int = 0
    worker: str = ""
    started: int | None = None
    current: float = 0
    total: float | None = None
    unit: str | None = None
    rate: float | None = None
    eta: float | None = None
    description: str = ""
    result: Any = None
    error: str | None = None
    #: The percent of the whole task, if current and total describe only a part of it.
    whole: float | None = field(default=None, compare=False)
    #: The highest percent that this run has shown; ``percent`` never falls below it.
    shown: float = field(default=0, compare=False)
    #: For RETRY: seconds until the next attempt. It is not part of the JSON.
    due_in: float = field(default=0, compare=False)
    #: The event's JSON, kept after reading or writing, so that it is encoded once.
    _text: str = field(default="", init=False, compare=False, repr=False)

    @property
    def complete(self) -> bool:
        """Whether the task has ended in this event: SUCCESS, FAILURE or REVOKED."""
        return self.state in OUTCOMES

    @property
    def success(self) -> bool | None:
        """Whether the task succeeded; None until it is complete."""
        return self.state is State.SUCCESS if self.complete else None

    @property
    def percent(self) -> float | None:
        """From 0 to 100 with two decimals; None while the total is unknown.

        It stays below 100 until the task has ended, and never falls within a run.
        """
        if self.total is None:
            return None
        share = self.current / self.total if self.total else 1.0
        percent = round(min(max(share, 0.0), 1.0) * 100, 2) if self.whole is None else self.whole
        if not self.complete or self.current < self.total:
            percent = min(percent, NEARLY_ALL)
        return max(percent, self.shown)

    def body(self) -> str:
        """The event's JSON after the head; the store writes the head, with the opening brace.

        ``store/redis.lua`` reads state, attempt and published, so these fields come first.
        """
        fields = {
            "state": self.state,
            "attempt": self.attempt,
            "published": self.published,
            "worker": self.worker,
            "started": self.started,
            "task_id": self.task_id,
            "current": self.current,
            "total": self.total,
            "unit": self.unit,
            "percent": self.percent,
            "rate": self.rate,
            "eta": self.eta,
            "description": self.description,
            "complete": self.complete,
            "success": self.success,
            "result": self.result,
            "error": self.error,
        }
        text = encode(fields)
        if self.result is not None and len(text.encode()) > EVENT_LIMIT - HEAD_LIMIT:
            text = encode({**fields, "result": None})  # the description and the error matter more
        return text[1:]

    def text(self) -> str:
        """The event's JSON, as it is stored and sent."""
        if self._text:
            return self._text
        return head(version=self.version, run=self.run, stalled=self.stalled) + self.body()

    def stored(self, version: int, run: int, body: str) -> Self:
        """Return this event with the store's numbers; ``body`` is what :meth:`body` returned."""
        text = head(version=version, run=run, stalled=False) + body
        return replace(self, version=version, run=run, stalled=False)._written_as(text)

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """Parse the JSON that :meth:`text` writes. Raises ValueError for any other text."""
        try:
            decoded = text if isinstance(text, str) else text.decode()
            values = dict(zip(FIELDS, _fields(_read(decoded)), strict=True))
            values["state"] = STATES[values["state"]]
            values["whole"] = values.pop("percent")
            return cls(**values)._checked()._written_as(decoded)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"not an event: {text[:80]!r}: {error!r:.200}") from error

    def _checked(self) -> Self:
        """Raise ValueError or TypeError for values that :meth:`text` does not write."""
        total = 0 if self.total is None else self.total
        # Written without a loop, since each web process checks every event here.
        if not (
            0 <= self.version <= COUNTABLE
            and 0 <= self.run <= COUNTABLE
            and 1 <= self.attempt <= COUNTABLE
            and 0 <= self.published <= COUNTABLE
            and 0 <= self.current <= COUNTABLE
            and 0 <= total <= COUNTABLE
            and 0 <= (self.started or 0) <= COUNTABLE
            and 0 <= (self.rate or 0) <= COUNTABLE
            and 0 <= (self.eta or 0) <= COUNTABLE
            and 0 <= (self.whole or 0) <= 100
        ):
            raise ValueError("version, run, current, total, … must be numbers from 0 to 2**53")
        if not (
            isinstance(self.task_id, str)
            and isinstance(self.worker, str)
            and isinstance(self.description, str)
            and isinstance(self.error or "", str)
            and isinstance(self.unit or "", str)
            and isinstance(self.stalled, bool)
        ):
            raise TypeError("task_id, worker, unit, description, error or stalled has another type")
        return self

    def _written_as(self, text: str) -> Self:
        object.__setattr__(self, "_text", text)  # not a field, since replace() would copy it
        return self


def _refuse(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")


def _read(text: str) -> Any:
    if len(text) > FOREIGN:
        raise ValueError("too long")
    values, end = _finite.raw_decode(text)
    if (end != len(text) and text[end:].strip()) or values["type"] != "progress":
        raise ValueError("another type, or more than one value")
    return values if "eta" in values else ABSENT | values


_finite = json.JSONDecoder(parse_constant=_refuse)


def follows(current: Event, following: Event) -> bool:
    """Return whether a watcher replaces the event ``current`` by ``following``.

    An outcome is final; any other event is replaced by an event with a higher version.
    ``frontend/events.js`` has the same rule.
    """
    return not current.complete and following.version > current.version


def unknown(task_id: str) -> Event:
    """Return the event for a task id without any record."""
    return Event(task_id=task_id, state=State.UNKNOWN)


def is_same_task(one: Event, other: Event) -> bool:
    """Return False if the task id was used again between these two events.

    Only known times of sending can differ: an event may name none.
    """
    return not (one.published and other.published) or one.published == other.published


def ended(run: Event, outcome: Event) -> Event:
    """Return an outcome that was reported from outside the run, with the run's last counts."""
    current, whole = run.current, run.whole
    if outcome.state is State.SUCCESS and run.total is not None:
        current, whole = run.total, None
    return replace(
        run,
        whole=whole,
        version=0,
        stalled=False,
        attempt=max(run.attempt, outcome.attempt),
        state=outcome.state,
        current=current,
        error=outcome.error,
        result=outcome.result,
        rate=None,
        eta=None,
        due_in=outcome.due_in,
    )


def lost(event: Event) -> Event:
    """Return the FAILURE of a task whose worker is gone for good, with its last counts."""
    error = NEVER_RETRIED if event.state is State.RETRY else LOST
    return ended(event, Event(task_id=event.task_id, state=State.FAILURE, error=error))


STATES = {str(state): state for state in State}
FIELDS = (
    *(
        each.name
        for each in fields(Event)
        if each.init and each.name not in ("whole", "shown", "due_in")
    ),
    "percent",
)
_fields = itemgetter(*FIELDS)
#: The fields that events of older workers lack.
ABSENT = dict.fromkeys(("started", "unit", "rate", "eta"))
HEAD_LIMIT = 120  # bytes that `head` writes at most


def head(*, version: int, run: int, stalled: bool) -> str:
    """The beginning of an event's JSON; ``store/redis.lua`` writes and reads the same text."""
    return f'{{"type":"progress","version":{version},"run":{run},"stalled":{str(stalled).lower()},'
