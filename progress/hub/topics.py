"""A task with watchers in this process: its newest event, and the outboxes of its watchers."""

from __future__ import annotations

from ..events import RUNNING, Event, State, is_same_task
from .outbox import Frame, Outbox
from .turns import Turns


class Topic:
    """Broadcasts the events of one task to the outboxes of its watchers.

    A broadcast reaches some outboxes in each iteration of the event loop. If a newer event comes
    in between, the outboxes that still wait get only the newer event, before all others.
    """

    __slots__ = (
        "_is_scheduled",
        "_turns",
        "_waiting",
        "event",
        "missing",
        "missing_since",
        "outboxes",
    )

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._is_scheduled = False
        self._waiting: dict[Outbox, None] = {}
        self.outboxes: dict[Outbox, None] = {}
        self.event: Event | None = None  # the newest event
        self.missing_since: float | None = None  # when a read first found that the store lacks it
        self.missing = False  # whether the store had no event of the task at all then

    def add(self, outbox: Outbox) -> None:
        """Add an outbox: offer it the newest event if that is known, and push each newer event."""
        self.outboxes[outbox] = None
        self._waiting.pop(outbox, None)  # or it would get the same event twice
        if self.event is not None:
            outbox.offer(self.event)

    def discard(self, outbox: Outbox) -> None:
        """Remove an outbox."""
        self.outboxes.pop(outbox, None)
        self._waiting.pop(outbox, None)

    def broadcast(self, event: Event) -> None:
        """Push a newer event to all outboxes."""
        if self.event is not None and self.event.complete:
            for outbox in self._waiting:
                outbox.offer(self.event)  # an outbox never replaces an outcome
            self._waiting = {}
        self.event, waiting = event, self._waiting
        self._waiting = self.outboxes.copy()
        if waiting:
            # The last outbox in the dict is served next. Without this order, some outboxes would
            # never be served when events come faster than a broadcast takes.
            others = {each: None for each in self.outboxes if each not in waiting}
            self._waiting = others | waiting
        self._schedule()

    def send_up_to(self, limit: int) -> int:
        """Push the newest event to at most ``limit`` outboxes; see ``turns.Sender``."""
        event, waiting, sent = self.event, self._waiting, 0
        self._is_scheduled = False
        if event is None or not waiting:
            return 0
        frame, now = Frame(event.text(), event), self._turns.now()
        try:
            while waiting and sent < limit:
                sent += 1
                waiting.popitem()[0].push(event, frame, now)
        finally:  # the other outboxes get the event even if one raises
            if waiting:
                self._schedule()
        return sent

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._turns.add(self)


def is_overtaken(event: Event, shown: Event) -> bool:
    """Return whether an event with a newer version is older than the shown event.

    While the store accepts no writes, each process announces its own events, and their order is not
    checked. After that, the store gets these events late, with new versions.
    """
    if not is_same_task(event, shown):
        return event.published < shown.published
    if event.attempt != shown.attempt:
        return event.attempt < shown.attempt and event.state is not State.SUCCESS
    if event.state is State.PENDING and not event.run:
        return shown.run > 0
    if event.state not in RUNNING or not event.run or event.run != shown.run:
        return False
    return shown.complete or _is_earlier_report(event, shown)


def _is_earlier_report(event: Event, shown: Event) -> bool:
    """Return whether the event is a report that this run made before the shown report."""
    if event.state is not shown.state:
        return event.state is State.STARTED  # once a run has reported, it stays in PROGRESS
    if event.stalled:  # the store repeats the newest report that it has
        return (event.percent or 0, event.current) < (shown.percent or 0, shown.current)
    # A running task may lose sight of its total, so an unknown percent does not fall.
    return event.percent is not None and event.percent < (shown.percent or 0)
