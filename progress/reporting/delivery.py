"""Carries events to the store and the channel layer, and keeps them while Redis is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from redis.exceptions import RedisError, ResponseError

from ..events import RUNNING, Event, State, ended
from ..layers import groups
from ..layers.sending import send, wrapping
from ..store.redis import TOLD, Cover, Store
from .runs import Run

logger = logging.getLogger("progress")

BACKLOG = 10_000  # events kept while Redis is away, the newest of each run; the oldest go first
JOIN_WITHIN = 10.0  # seconds a forked process waits for the number of a run that began elsewhere
JOIN_PAUSE = 0.05  # seconds between two looks for it
SEND_TIMEOUT = 5.0  # seconds for one message to the channel layer

#: Whose event it is: a run's, or of a task that is spoken of from outside its runs.
Source = Run | str


class Delivery:
    """The newest undelivered event of each source; one batch at a time goes out, in order.

    ``refused`` is called with a run whose event the store refused: another run has taken over,
    or an outcome is known.
    """

    def __init__(self, store: Store, refused: Callable[[Run], None]) -> None:
        self._store = store
        self._refused = refused
        self._due: dict[Source, Event] = {}
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._layer_away = False
        self._version = 0  # of the last event that the store refused to take

    def offer(self, source: Source, event: Event) -> None:
        """Deliver this event, in the place of an older one of the same source."""
        self._due[source] = event
        self._idle.clear()
        self._wanted.set()

    async def idle(self) -> None:
        """Wait until all is delivered."""
        await self._idle.wait()

    async def step(self) -> None:
        """Deliver what there is, or wait for something. Raises when the store does not answer."""
        await self._wanted.wait()
        batch, self._due = self._due, {}
        try:
            joining = await self._deliver(batch)
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

    def _keep(self, batch: dict[Source, Event]) -> None:
        self._due = batch | self._due
        for source in list(self._due)[: max(0, len(self._due) - BACKLOG)]:
            del self._due[source]

    async def _deliver(self, batch: dict[Source, Event]) -> dict[Source, Event]:
        """Tell store and groups; what has to wait for its run's number comes back."""
        events, joining = await self._placed(batch)
        try:
            answers = await self._store.publish(list(events.values()), self._cover())
        except ResponseError:
            # Full, or read only: it answers, and the layer may still carry what it refuses.
            await self.announce([self._unstored(event) for event in events.values()])
            raise
        news = []
        for source, (verdict, run, stands) in zip(events, answers, strict=True):
            if isinstance(source, Run):
                if verdict:
                    source.number = run
                else:
                    self._refused(source)
            # A refused outcome may be our own, stored by a try whose answer was lost.
            if verdict != TOLD and ((event := stands()).complete or verdict):
                news.append(event)
        await self.announce(news)
        return joining

    async def _placed(
        self, batch: dict[Source, Event]
    ) -> tuple[dict[Source, Event], dict[Source, Event]]:
        """The batch with run numbers, which may have come since an event was offered."""
        asked = {event.task_id for source, event in batch.items() if asks(source, event)}
        known = await self._store.read(list(asked)) if asked else {}
        placed: dict[Source, Event] = {}
        joining: dict[Source, Event] = {}
        for source, event in batch.items():
            standing = known.get(event.task_id)
            if isinstance(source, Run):
                if source.adopted_at and not joined(source, standing):
                    if time.monotonic() < source.adopted_at + JOIN_WITHIN:
                        joining[source] = event
                    continue
                counted = event.complete and standing and standing.run == source.number
                outcome = ended(standing, event) if standing and counted else event
                number = source.number
                placed[source] = replace(outcome, run=number) if outcome.run != number else outcome
            elif standing is None:
                placed[source] = event
            elif not standing.complete and not overtaken(event, standing):
                placed[source] = ended(standing, event)
        return placed, joining

    def _cover(self) -> Cover | None:
        """How the store tells a group by itself, where it is on the layer's server too."""
        if (wrap := wrapping(self._store.place)) is None:
            return None
        return lambda id_, text: wrap(groups.group_name(id_), groups.carrying(text))

    def _unstored(self, event: Event) -> Event:
        """The event with a version of our own clock, as the store's would be."""
        self._version = max(self._version + 1, time.time_ns() // 1000)
        opens = event.state is not State.PENDING
        return replace(event, version=self._version, run=event.run or opens * self._version)

    async def announce(self, events: list[Event]) -> None:
        """Tell the groups. What the layer loses, watchers find in the store."""
        if not events:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await send(
                    (groups.group_name(each.task_id), groups.message(each)) for each in events
                )
        except Exception as error:
            if not self._layer_away:
                logger.warning("The channel layer is away, watchers are behind: %r", error)
            self._layer_away = True
        else:
            self._layer_away = False

    async def tell(self, change: groups.Change) -> None:
        """Tell all web processes of rights that changed. Lost, it is found within a minute."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await send([(groups.rights_group_name(), groups.rights_changed(change))])
        except Exception as error:
            logger.warning("A change of rights takes effect within a minute only: %r", error)


def asks(source: Source, event: Event) -> bool:
    """Whether the event depends on what stands.

    It comes from outside, or a forked process may have reported for the run, or this one is it.
    """
    if isinstance(source, Run):
        joining = bool(source.adopted_at) and not source.number
        return joining or (event.complete and source.shared and source.said is source.seen)
    return event.state is not State.PENDING


def joined(run: Run, standing: Event | None) -> bool:
    """Whether a run that began in another process got its number there, perhaps just now."""
    if not run.number and standing is not None and standing.state in RUNNING:
        run.number = standing.run if standing.attempt == run.attempt else 0
    return bool(run.number)


def overtaken(event: Event, standing: Event) -> bool:
    """Whether a retry is told from outside when the next run has begun already."""
    return event.state is State.RETRY and event.attempt < standing.attempt
