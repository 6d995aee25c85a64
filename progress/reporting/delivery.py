"""Sends events to the store and the channel layer, and keeps them while Redis is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from redis.exceptions import RedisError, ResponseError

from ..events import Event, State
from ..layers import groups
from ..layers.sending import envelope, send
from ..store.base import SENT, Answer, Envelope, Store
from .placing import (
    Source,
    after_their_runs,
    another_reports,
    depends_on_store,
    has_waited_enough,
    place_outside,
    place_own,
    waits_for_end,
    waits_for_number,
    without_overtaken,
)
from .runs import Run

logger = logging.getLogger(__name__)

BACKLOG = 10_000  # events that are kept while Redis is away; the oldest are dropped first
JOIN_PAUSE = 0.05  # seconds between two reads of an adopted run's number
END_PAUSE = 2.0  # seconds between two reads of a run that an outcome from outside waits for
SEND_TIMEOUT = 5.0  # seconds for one message to the channel layer

Batch = dict[Source, Event]


class Delivery:
    """Delivers the newest event of each source (a run, or a task id), one batch after another.

    ``refused`` is called with a run when the store refused its event, because another run has
    replaced it or the task has an outcome.
    """

    def __init__(self, store: Store, refused: Callable[[Run], None]) -> None:
        self._store = store
        self._refused = refused
        self._due: Batch = {}
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._layer_away = False
        self._unstored: Batch = {}  # events that were announced while the store accepted no writes
        self._version = 0  # the version of the last of these
        self._stalled: dict[Source, int] = {}  # stalled runs that outcomes wait for: their versions
        #: Microseconds by which the store's clock is ahead of the monotonic clock of this process.
        self._ahead: int | None = None

    def offer(self, source: Source, event: Event) -> None:
        """Deliver this event; it replaces an older undelivered event of the same source."""
        self._due[source] = event
        self._idle.clear()
        self._wanted.set()

    async def idle(self) -> None:
        """Wait until all events are delivered."""
        await self._idle.wait()

    async def step(self) -> None:
        """Wait for a batch and deliver it. If the store raises, keep the batch and raise too."""
        await self._wanted.wait()
        batch, self._due = without_overtaken(self._due), {}
        try:
            after = after_their_runs(batch)
            first = {source: batch[source] for source in batch if source not in after}
            joining = after | await self._deliver(first)
            if joining:
                self._keep(joining)
                await asyncio.sleep(JOIN_PAUSE)
        except (RedisError, OSError):
            self._keep(batch)
            raise
        finally:
            if not self._due:
                self._wanted.clear()
                self._idle.set()

    def _keep(self, batch: Batch) -> None:
        self._due = batch | self._due
        for source in list(self._due)[: max(0, len(self._due) - BACKLOG)]:
            del self._due[source]

    async def _deliver(self, batch: Batch) -> Batch:
        """Deliver the batch; return the events that must wait for the number of their run."""
        placed, joining, waiting = await self._place(batch)
        try:
            answers = await self._store.publish(list(placed.values()), self._envelope())
        except ResponseError:
            # The server is full or read-only, but the channel layer may still work.
            await self._announce_unstored(batch, placed)
            raise
        self._unstored.clear()
        self._set_clock([answer.version for answer in answers if answer.verdict])
        settled = [self._settle(*each) for each in zip(placed, answers, strict=True)]
        await self.announce([event for event in settled if event is not None])
        for each in waiting.items():
            asyncio.get_running_loop().call_later(END_PAUSE, self._offer_again, *each)
        return joining

    def _offer_again(self, source: Source, event: Event) -> None:
        self.offer(source, self._due.get(source, event))

    async def _place(self, batch: Batch) -> tuple[Batch, Batch, Batch]:
        """Return the events with the numbers of their runs, and two batches that must wait.

        The first waits for the number of a run, the second for the end of a run.
        """
        asking = {source for source, event in batch.items() if depends_on_store(source, event)}
        asked = {batch[source].task_id for source in asking}
        known = await self._store.read(list(asked)) if asked else {}
        if self._ahead is None:
            self._set_clock([await self._store.clock()])
        placed: Batch = {}
        joining: Batch = {}
        waiting: Batch = {}
        for source, event in batch.items():
            # Only then: an event from outside in the same batch may have had the store read.
            standing = known.get(event.task_id) if source in asking else None
            if standing is not None and self._waits_for_end(source, event, standing):
                waiting[source] = event
            elif not isinstance(source, Run):
                outside = place_outside(event, standing)
                if outside is not None:
                    placed[source] = outside
            elif waits_for_number(source, standing):
                if has_waited_enough(source):
                    self._refused(source)
                else:
                    joining[source] = event
            elif another_reports(source, standing):
                source.warn("another process already reports for this run, so this one does not")
                self._refused(source)
            else:
                placed[source] = place_own(source, event, standing, self._ahead or 0)
        return placed, joining, waiting

    def _waits_for_end(self, source: Source, event: Event, standing: Event) -> bool:
        """Return whether the outcome must wait: if the run is stalled, until the next read.

        After an outage of the store, a living run is stalled until its next heartbeat.
        """
        stalled = self._stalled.pop(source, 0)
        if not waits_for_end(event, standing) or (standing.stalled and standing.version == stalled):
            return False
        if standing.stalled:
            self._stalled[source] = standing.version
        return True

    def _set_clock(self, versions: list[int]) -> None:
        """Compare the clocks: a version is the store's time, or later if it had to rise."""
        if versions:
            self._ahead = min(versions) - int(time.monotonic() * 1e6)

    def _settle(self, source: Source, answer: Answer) -> Event | None:
        """Note the store's answer; return the event that must still be sent to its group."""
        if isinstance(source, Run):
            if answer.verdict:
                source.number = answer.run
            else:
                self._refused(source)
        if answer.verdict == SENT:
            return None
        event = answer.event()
        # A refused outcome may be this one, stored by an earlier try whose answer was lost.
        return event if answer.verdict or event.complete else None

    def _envelope(self) -> Envelope | None:
        """Return the function with which the store sends to groups itself; None if it cannot."""
        return envelope(self._store.place)

    async def _announce_unstored(self, batch: Batch, placed: Batch) -> None:
        """Announce each event once; a PENDING only if it is the first event of its task."""
        told = {event.task_id for event in self._unstored.values()}
        clock = await self.clock()
        news = []
        for source, event in placed.items():
            late = event.state is State.PENDING and event.task_id in told
            if self._unstored.get(source) is not batch[source] and not late:
                self._version = max(self._version + 1, clock)
                opens = event.state is not State.PENDING
                run = event.run or opens * self._version
                news.append(replace(event, version=self._version, run=run))
        self._unstored = {source: batch[source] for source in placed}
        await self.announce(news)

    async def clock(self) -> int:
        """Return the time by the store's clock; if the store does not answer, by this process's."""
        try:
            return await self._store.clock()
        except (RedisError, OSError):
            return time.time_ns() // 1000

    async def announce(self, events: list[Event]) -> None:
        """Send the events to their groups. Errors are logged: web processes also read the store."""
        if not events:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await send(
                    (groups.group_name(each.task_id), groups.message(each)) for each in events
                )
        except Exception as error:
            if not self._layer_away:
                logger.warning("The channel layer is away, so watchers get events late: %r", error)
            self._layer_away = True
        else:
            self._layer_away = False

    async def tell(self, change: groups.RightsChange) -> None:
        """Send a change of rights to all web processes; if this fails, they recheck in 60 s."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await send([(groups.rights_group_name(), groups.rights_changed(change))])
        except Exception as error:
            logger.warning("A change of rights may take a minute to have an effect: %r", error)
