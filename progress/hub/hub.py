"""One a web process: each watched task's newest event, offered to all who watch it here.

The channel layer is a hint, the store is the truth: events come through a subscription to the
tasks' groups, and what that loses is found by reconciling with the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.core.exceptions import ImproperlyConfigured

from .. import conf
from ..events import Event, State, unknown
from ..layers.subscription import Subscription
from ..limits import Sockets
from ..loops import forever
from ..store import open_store
from .outbox import Watcher
from .rechecks import Rights
from .reconciler import Reconciler
from .topics import Topic
from .turns import Turns

PING_CHECK = 1.0  # seconds between two looks for silent links


class Hub:
    """The hub of one event loop, see :meth:`current`; its methods are for that loop's thread."""

    _hubs: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]] = WeakKeyDictionary()

    def __init__(self) -> None:
        if get_channel_layer() is None:
            raise ImproperlyConfigured("CHANNEL_LAYERS has no default layer to hear events from")
        self._loop = asyncio.get_running_loop()
        self._stalled_after = conf.stalled_after()
        self._topics: dict[str, Topic] = {}
        self._watchers: set[Watcher] = set()
        self._store = open_store()
        self._reconciler = Reconciler(
            self._store, watched=self._topics.keys, known=self._known, found=self._found
        )
        self.rights = Rights()
        self.sockets = Sockets()
        self.turns = Turns()
        self._subscription = Subscription(
            on_joined=self._reconciler.look,
            on_event=self._heard,
            on_rights_change=self.rights.changed,
        )
        self._tasks = [
            *self._reconciler.tasks(),
            *self._subscription.tasks(),
            self._loop.create_task(forever("Pinging watchers", self._ping)),
            self._loop.create_task(forever("Asking for rights again", self.rights.look)),
        ]

    @classmethod
    def current(cls) -> Hub:
        """The hub of the running loop, made on first use. Raises ImproperlyConfigured."""
        loop = asyncio.get_running_loop()
        hub = cls._hubs.get(loop)
        if hub is None:
            hub = cls._hubs[loop] = cls()
        return hub

    def attach(self, watcher: Watcher) -> None:
        """A socket is there: it gets pings."""
        self._watchers.add(watcher)

    def detach(self, watcher: Watcher) -> None:
        """A socket is gone; what it watched is to be unwatched besides."""
        self._watchers.discard(watcher)

    def watch(self, task_id: str, watcher: Watcher) -> None:
        """Offer the present state as soon as it is known, and each newer one."""
        topic = self._topics.get(task_id)
        if topic is None:
            topic = self._topics[task_id] = Topic(self.turns)
            self._subscription.join(task_id)  # before reading, or an event between is lost
        topic.add(watcher)

    def unwatch(self, task_id: str, watcher: Watcher) -> None:
        """Offer nothing more of this task; its group is left with the last watcher."""
        topic = self._topics.get(task_id)
        if topic is None:
            return
        topic.discard(watcher)
        if not topic.watchers:
            del self._topics[task_id]
            self._subscription.leave(task_id)

    async def read(self, task_ids: Sequence[str]) -> dict[str, Event]:
        """What stands for each id; see ``store.Store.read``."""
        return await self._store.read(task_ids)

    @classmethod
    async def end(cls) -> None:
        """Close the hub of the running loop, if there is one."""
        hub = cls._hubs.get(asyncio.get_running_loop())
        if hub is not None:
            await hub.aclose()

    async def aclose(self) -> None:
        """End the background tasks, leave the groups, let go of the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._subscription.aclose()
        await self._store.aclose()
        Hub._hubs.pop(self._loop, None)

    def _heard(self, event: Event) -> None:
        topic = self._topics.get(event.task_id)
        if topic is not None:
            self._take(topic, event)

    def _known(self, task_id: str) -> Event | None:
        topic = self._topics.get(task_id)
        return topic.event if topic is not None else None

    def _found(self, task_id: str, event: Event | None) -> None:
        topic = self._topics.get(task_id)
        if topic is None:
            return
        if event is not None:
            topic.missing_since = None
            self._take(topic, event)
        else:
            self._missed(task_id, topic)

    def _take(self, topic: Topic, event: Event) -> None:
        # The store has put the versions in order; an outcome can be followed by a new run here.
        if topic.event is None or event.version > topic.event.version:
            topic.tell(event)

    def _missed(self, task_id: str, topic: Topic) -> None:
        """The store knows nothing: said at the second look, or when signs of life are due."""
        now = self._loop.time()
        if topic.missing_since is None:
            topic.missing_since = now
        elif topic.event is None:
            topic.tell(unknown(task_id))
        elif topic.event.state != State.UNKNOWN and now - topic.missing_since > self._stalled_after:
            self._take(topic, replace(unknown(task_id), version=topic.event.version + 1))

    async def _ping(self) -> None:
        await asyncio.sleep(PING_CHECK)
        now = self._loop.time()
        for watcher in self._watchers:
            watcher.ping(now)
