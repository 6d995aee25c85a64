"""The methods of every store, and their results."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from ..events import Event, State

REFUSED, STORED, SENT = 0, 1, 2  # the store's verdict on an offered event

#: Takes a task id and an event's text; returns the Redis channel of the task's group, and the
#: message that the channel layer would publish there.
Envelope = Callable[[str, str], tuple[str, bytes]]
#: Takes a task id; returns the event that the caller already has, or None.
Known = Callable[[str], Event | None]

T = TypeVar("T")


class Answer(NamedTuple):
    """The store's answer to an offered event."""

    offered: Event
    verdict: int  # REFUSED, STORED, or SENT: stored, and sent to the task's group as well
    version: int = 0
    run: int = 0
    body: str = ""
    stands: str | bytes = b""  # the text of the event that stands, if the offer was refused

    def event(self) -> Event:
        """Return the event that the store has now; if it is unreadable, the offered event."""
        if self.verdict:
            return self.offered.stored(self.version, self.run, self.body)
        return readable(self.stands) or self.offered


class Store(Protocol):
    """Keeps the newest event of each task; implemented by RedisStore and MemoryStore.

    Every method raises redis.RedisError or OSError when the server does not answer.
    """

    @property
    def place(self) -> Hashable:
        """The value of :func:`redis_servers.place` for the server; None without a server."""

    async def put(self, events: Sequence[Event]) -> list[tuple[bool, Event]]:
        """Offer events in order. Return for each whether it was accepted, and the stored event.

        An event with run 0 begins a new run, unless it is PENDING. These rules apply in order:

        1. An event of an unknown task is accepted.
        2. A later ``published`` is accepted and an earlier one is refused, since a task id can be
           reused; but a PENDING never replaces a running task. A PENDING also replaces an outcome
           that is older than itself by the store's clock.
        3. A PENDING of the stored run is accepted, since ``Ignore`` makes a task wait again. A
           PENDING of a higher attempt is accepted unless the task has ended.
        4. Nothing replaces a SUCCESS.
        5. A higher attempt is accepted and a lower one is refused, unless it is a SUCCESS.
        6. A new or higher run is accepted, unless it is new and only repeats the stored outcome. Of
           a lower run, only a SUCCESS is accepted.
        7. Within a run, every event is accepted until its outcome or RETRY. After RETRY, only an
           outcome is accepted.
        """

    async def publish(self, events: Sequence[Event], envelope: Envelope | None) -> list[Answer]:
        """Offer events as :meth:`put` does, and send each accepted event to its task's group.

        The same command stores an event and sends the message that ``envelope`` returns. The
        verdict is STORED for an event that was stored but could not be sent.
        """

    async def beat(self, runs: Iterable[tuple[str, int]]) -> list[tuple[bool, Event | None]]:
        """Record a heartbeat for each (task id, run).

        Returns (True, None) for an accepted heartbeat, and (True, event) if it ended a stall.
        Returns (False, event) if the store has another run or an outcome, and (False, None) if it
        has no event.
        """

    async def read(self, task_ids: Sequence[str], known: Known | None = None) -> dict[str, Event]:
        """Return the stored event of each id; unknown ids are missing.

        If ``known`` returns an event with the stored version, the result contains that event, and
        the server does not send its text. A running task without a heartbeat for
        PROGRESS_STALLED_AFTER seconds is marked as stalled.
        """

    async def silent(self) -> list[str]:
        """Return up to 500 tasks without a heartbeat for nearly PROGRESS_LOST_AFTER seconds.

        Nearly means two heartbeats less, so that the caller can check twice.
        """

    async def lose(self, task_ids: Sequence[str]) -> None:
        """Store FAILURE for those tasks that sent no heartbeat for PROGRESS_LOST_AFTER seconds."""

    async def clock(self) -> int:
        """Return the store's time in microseconds; versions come from this clock."""

    async def aclose(self) -> None:
        """Close the connections."""


def readable(text: str | bytes | None) -> Event | None:
    """Parse an event's text; return None if there is no text, or if it is not an event."""
    if not text:
        return None
    try:
        return Event.from_text(text)
    except ValueError:
        return None


def parts(everything: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield slices of at most ``size`` items."""
    return (everything[at : at + size] for at in range(0, len(everything), size))


def delay(event: Event) -> int:
    """Return the microseconds until a RETRY's next attempt, or since a PENDING task was sent."""
    if event.state is State.PENDING and event.published:
        # Measured by the sender's clock alone, since it may differ from the store's clock.
        return max(0, time.time_ns() // 1000 - event.published)
    return int(event.due_in * 1_000_000)
