"""The hub, one per web process: pushes each watched task's newest event to its watchers.

Events arrive through the groups of the channel layer, which may lose messages. So the hub also
reads the store, which has the newest event of each task, and recovers what was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from channels.layers import get_channel_layer
from django.core.exceptions import ImproperlyConfigured

from .. import conf
from ..events import Event, State, unknown
from ..layers.subscription import Subscription
from ..limits import Sockets
from ..loops import forever
from ..store import open_store
from .outbox import Outbox
from .outcomes import Outcomes, is_doubtful
from .reaper import Reaper
from .rechecks import Rechecks
from .reconciler import Reconciler
from .topics import Topic, is_overtaken
from .turns import Turns

PING_CHECK = 1.0  # seconds between two checks for silent connections
#: The part of PROGRESS_RECONCILE between two reads; the rest is time for the store's reply.
READ_AFTER = 0.9


class Hub:
    """The hub of one event loop, see :meth:`current`; call its methods in that loop's thread.

    It runs until :meth:`aclose`, or until all tasks of the loop are cancelled, as ``asyncio.run``
    does at its end.
    """

    _hubs: ClassVar[dict[asyncio.AbstractEventLoop, Hub]] = {}

    def __init__(self) -> None:
        if get_channel_layer() is None:
            raise ImproperlyConfigured("CHANNEL_LAYERS has no default layer to receive events from")
        self._loop = asyncio.get_running_loop()
        self._stalled_after = conf.stalled_after()
        self._topics: dict[str, Topic] = {}
        self._outboxes: set[Outbox] = set()
        self._store = open_store()
        period = conf.reconcile() * READ_AFTER
        self._outcomes = Outcomes(self._store, newest=self._newest, found=self._found)
        self._reaper = Reaper(self._store, period)
        self._reconciler = Reconciler(
            self._store,
            period=period,
            watched=self._topics.keys,
            newest=self._newest,
            found=self._read,
        )
        self.rechecks = Rechecks()
        self.sockets = Sockets()
        self.turns = Turns()
        self._subscription = Subscription(
            on_joined=self._reconciler.check,
            on_event=self._received,
            on_rights_change=self.rechecks.rights_changed,
        )
        loops = [
            self._reconciler.run(),
            self._reaper.run(),
            *self._outcomes.loops(),
            forever("Pinging clients", self._ping),
            self.rechecks.run(),
        ]
        self._tasks = [
            *(self._loop.create_task(each) for each in loops),
            *self._subscription.tasks(),
        ]
        self._lifetime = self._loop.create_task(self._live())

    @classmethod
    def current(cls) -> Hub:
        """Return the hub of the running loop, made on first use. Raises ImproperlyConfigured."""
        loop = asyncio.get_running_loop()
        hub = cls._hubs.get(loop)
        if hub is None:
            for each in [each for each in cls._hubs if each.is_closed()]:
                del cls._hubs[each]  # the loop was closed without cancelling its tasks
            hub = cls._hubs[loop] = cls()
        return hub

    def attach(self, outbox: Outbox) -> None:
        """Add the outbox of a client that has connected, so that it gets pings."""
        self._outboxes.add(outbox)

    def detach(self, outbox: Outbox) -> None:
        """Remove the outbox of a client that is gone. The caller also calls :meth:`unwatch`."""
        self._outboxes.discard(outbox)

    def watch(self, task_id: str, outbox: Outbox) -> None:
        """Offer the newest event to the outbox when it is known, then push each newer event."""
        topic = self._topics.get(task_id)
        if topic is None:
            topic = self._topics[task_id] = Topic(self.turns)
            self._subscription.join(task_id)  # before reading: misses no event in between
        topic.add(outbox)

    def unwatch(self, task_id: str, outbox: Outbox) -> None:
        """Push no more events of this task; after the last watcher, leave the task's group."""
        topic = self._topics.get(task_id)
        if topic is None:
            return
        topic.discard(outbox)
        if not topic.outboxes:
            del self._topics[task_id]
            self._subscription.leave(task_id)

    async def read(self, task_ids: Sequence[str]) -> dict[str, Event]:
        """Read the events of these tasks from the store; see ``Store.read``."""
        return await self._store.read(task_ids)

    @classmethod
    async def end(cls) -> None:
        """Close the hub of the running loop, if there is one."""
        hub = cls._hubs.get(asyncio.get_running_loop())
        if hub is not None:
            await hub.aclose()

    async def aclose(self) -> None:
        """End the background tasks, leave the groups and close the connections."""
        self._lifetime.cancel()
        await asyncio.gather(self._lifetime, return_exceptions=True)
        await self._close()  # a task that is cancelled before its first step does nothing

    async def _live(self) -> None:
        try:
            await asyncio.gather(*self._tasks)  # they never end by themselves
        finally:
            await self._close()

    async def _close(self) -> None:
        if Hub._hubs.pop(self._loop, None) is None:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._subscription.aclose()
        await self._store.aclose()

    def _received(self, event: Event) -> None:
        """Handle an event from the channel layer."""
        topic = self._topics.get(event.task_id)
        if topic is not None and not (topic.event and is_overtaken(event, topic.event)):
            topic.missing_since = None
            self._broadcast(topic, event)

    def _newest(self, task_id: str) -> Event | None:
        topic = self._topics.get(task_id)
        return topic.event if topic is not None else None

    def _read(self, task_id: str, event: Event | None) -> None:
        """Handle the store's event for this task; if it may be old, read the result backend."""
        topic = self._topics.get(task_id)
        if topic is None:  # its watchers have left since this read became due
            return
        shown = topic.event
        self._found(task_id, event)
        if is_doubtful(event) and not (shown and shown.complete):
            self._outcomes.doubt(task_id, event)

    def _found(self, task_id: str, event: Event | None) -> None:
        """Broadcast the store's event of this task if it is newer; None: the store has no event."""
        topic = self._topics.get(task_id)
        if topic is None:
            return
        shown = topic.event
        if event is None or (
            shown and event.version > shown.version and is_overtaken(event, shown)
        ):
            self._missed(task_id, topic, event)
        else:
            topic.missing_since = None
            self._broadcast(topic, event)

    def _broadcast(self, topic: Topic, event: Event) -> None:
        # The store has ordered the versions, so here a new run may follow an outcome.
        if topic.event is None or event.version > topic.event.version:
            topic.broadcast(event)
            if event.complete:
                self._outcomes.trust(event.task_id)

    def _missed(self, task_id: str, topic: Topic, event: Event | None) -> None:
        """Broadcast what the store has, or UNKNOWN, if it lacks the shown event for STALLED_AFTER.

        Until then, the process that announced the shown event may still store it; the time begins
        again when the store gets its first event of the task. For a new task two reads are enough.
        """
        now = self._loop.time()
        if topic.missing_since is None or (topic.missing and event is not None):
            topic.missing_since, topic.missing = now, event is None
        elif topic.event is None:
            topic.broadcast(unknown(task_id))
        elif topic.event.state != State.UNKNOWN and now - topic.missing_since > self._stalled_after:
            nothing = replace(unknown(task_id), version=topic.event.version + 1)
            self._broadcast(topic, event or nothing)

    async def _ping(self) -> None:
        await asyncio.sleep(PING_CHECK)
        now = self._loop.time()
        for outbox in self._outboxes:
            outbox.ping(now)
