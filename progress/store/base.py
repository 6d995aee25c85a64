"""What every store does, and what it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from ..events import Event, State

REFUSED, STORED, SENT = 0, 1, 2  # verdicts on an offered event

#: Takes a task id and an event's text; gives the Redis channel of the task's group, and the message
#: that the channel layer would publish there.
Envelope = Callable[[str, str], tuple[str, bytes]]
#: Takes a task id; gives the event that the caller already has, or None.
Known = Callable[[str], Event | None]

T = TypeVar("T")


class Answer(NamedTuple):
    """What became of an offered event."""

    offered: Event
    verdict: int  # REFUSED, STORED, or SENT: stored, and sent to the task's group as well
    version: int = 0
    run: int = 0
    body: str = ""
    stands: str | bytes = b""  # the text of the event that stands, if the offer was refused

    def event(self) -> Event:
        """The event that stands now; the offered one if what stands cannot be read."""
        if self.verdict:
            return self.offered.stored(self.version, self.run, self.body)
        return readable(self.stands) or self.offered


class Store(Protocol):
    """Keeps the newest event of each task; RedisStore and MemoryStore do it.

    Every method raises redis.RedisError or OSError when the server does not answer.
    """

    @property
    def place(self) -> Hashable:
        """The server, comparable with :func:`redis_servers.place`; None if there is no server."""

    async def put(self, events: Sequence[Event]) -> list[tuple[bool, Event]]:
        """Offer events in order; for each, whether it was accepted and which event stands now.

        An event with run 0 begins a new run, unless it is PENDING. The rules, in order:

        1. An event is accepted when nothing is known of its task.
        2. A later ``published`` is accepted, an earlier one refused: an id may be used again. A
           task that runs is not replaced by a PENDING. A PENDING also replaces an outcome that is
           older than it is itself, by the store's own clock.
        3. PENDING is accepted from the run that stands (``Ignore`` sends it back to waiting), and
           from a higher attempt of a task that is not over.
        4. SUCCESS stays.
        5. A higher attempt is accepted, a lower one refused, unless it is a SUCCESS.
        6. A new or higher run is accepted, of a lower one only SUCCESS.
        7. Within a run, everything is accepted until its outcome or RETRY; after RETRY, an outcome.
        """

    async def publish(self, events: Sequence[Event], envelope: Envelope | None) -> list[Answer]:
        """Offer events as :meth:`put` does, and send what is accepted to its task's group.

        The store sends the message that ``envelope`` gives, in the same command. The verdict of an
        event that it stored but could not send is STORED.
        """

    async def beat(self, runs: Iterable[tuple[str, int]]) -> list[tuple[bool, Event | None]]:
        """Give signs of life for (task id, run).

        Answers (True, None) for an ordinary sign of life and (True, event) for one that ended a
        stall. (False, event) means that another run or an outcome stands, (False, None) that
        nothing does.
        """

    async def read(self, task_ids: Sequence[str], known: Known | None = None) -> dict[str, Event]:
        """The event that stands for each id; unknown ids are missing.

        An event whose version the caller already has, as ``known`` tells, is not sent again: the
        caller gets its own. A running task without a sign of life for PROGRESS_STALLED_AFTER
        seconds is marked as stalled.
        """

    async def silent(self) -> list[str]:
        """Up to 500 tasks that gave no sign of life for nearly PROGRESS_LOST_AFTER seconds.

        Nearly means two heartbeats less, so that the caller can look twice.
        """

    async def lose(self, task_ids: Sequence[str]) -> None:
        """Fail those tasks that gave no sign of life for PROGRESS_LOST_AFTER seconds."""

    async def clock(self) -> int:
        """The clock that versions come from, in microseconds."""

    async def aclose(self) -> None:
        """Close the connections."""


def readable(text: str | bytes | None) -> Event | None:
    """The event with this text; None for no text and for text that is not an event's."""
    if not text:
        return None
    try:
        return Event.from_text(text)
    except ValueError:
        return None


def parts(everything: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Slices of at most ``size`` items."""
    return (everything[at : at + size] for at in range(0, len(everything), size))


def delay(event: Event) -> int:
    """Microseconds: until the next attempt for RETRY, since it was published for PENDING."""
    if event.state is State.PENDING and event.published:
        # By the sender's own clock, so the sender's and the store's may differ.
        return max(0, time.time_ns() // 1000 - event.published)
    return int(event.due_in * 1_000_000)
