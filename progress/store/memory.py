"""The store's twin inside one process, for tests and eager tasks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from .. import conf
from ..events import RUNNING, Event, State, lost

if TYPE_CHECKING:
    from .redis import Answer, Cover, Known


class MemoryStore:
    """Keeps events in a dict, by the rules of ``store.lua``; usable from any thread and loop.

    ``now`` gives seconds, as ``time.time`` does. Nothing is ever dropped.
    """

    place = None
    _shared: ClassVar[MemoryStore | None] = None

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._events: dict[str, Event] = {}
        self._alive: dict[str, int] = {}
        self._lock = threading.Lock()

    @classmethod
    def shared(cls) -> MemoryStore:
        """The one of this process."""
        if cls._shared is None:
            cls._shared = cls()
        return cls._shared

    async def put(self, events: Sequence[Event]) -> list[tuple[bool, Event]]:
        """See ``store.Store.put``."""
        with self._lock:
            return [self._put(event) for event in events]

    async def publish(self, events: Sequence[Event], cover: Cover | None) -> list[Answer]:
        """See ``store.Store.publish``; sends nothing."""

        def answer(accepted: int, event: Event) -> Answer:
            return accepted, event.run, lambda: event

        return [answer(*each) for each in await self.put(events)]

    def _put(self, event: Event) -> tuple[bool, Event]:
        old = self._events.get(event.task_id)
        if old is not None and not accepts(old, event):
            return False, old
        if event.state in RUNNING:
            self._alive[event.task_id] = self._clock()
        else:
            self._alive.pop(event.task_id, None)
        version = self._version(event.task_id)
        opens = event.run == 0 and event.state is not State.PENDING
        run = version if opens else max(event.run, old.run if old else 0)
        return True, self._write(replace(event, version=version, run=run, stalled=False))

    async def beat(self, runs: Iterable[tuple[str, int]]) -> list[tuple[bool, Event | None]]:
        """See ``store.Store.beat``."""
        with self._lock:
            return [self._beat(task_id, run) for task_id, run in runs]

    def _beat(self, task_id: str, run: int) -> tuple[bool, Event | None]:
        event = self._events.get(task_id)
        if event is None or event.run != run or event.state not in RUNNING:
            return False, event
        self._alive[task_id] = self._clock()
        if not event.stalled:
            return True, None
        return True, self._write(replace(event, version=self._version(task_id), stalled=False))

    async def read(self, task_ids: Sequence[str], _known: Known | None = None) -> dict[str, Event]:
        """See ``store.Store.read``."""
        with self._lock:
            return {id_: self._read(self._events[id_]) for id_ in task_ids if id_ in self._events}

    def _read(self, event: Event) -> Event:
        limit = conf.silence() * 1e6
        if event.state in RUNNING and not event.stalled and self._silence(event) > limit:
            version = self._version(event.task_id)
            return self._write(replace(event, version=version, stalled=True))
        return event

    async def silent(self) -> list[str]:
        """See ``store.Store.silent``."""
        with self._lock:
            limit = conf.nearly_lost_after()
            return [id_ for id_, event in self._events.items() if self._is_lost(event, limit)]

    async def lose(self, task_ids: Sequence[str]) -> None:
        """See ``store.Store.lose``."""
        with self._lock:
            for event in [self._events[id_] for id_ in task_ids if id_ in self._events]:
                if self._is_lost(event, conf.lost_after()):
                    version = self._version(event.task_id)
                    self._write(replace(lost(event), version=version, stalled=False))

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._events.clear()
            self._alive.clear()

    def _is_lost(self, event: Event, limit: float) -> bool:
        return event.state in RUNNING and self._silence(event) > limit * 1e6

    def _silence(self, event: Event) -> float:
        return self._clock() - self._alive.get(event.task_id, event.version)

    def _clock(self) -> int:
        return int(self._now() * 1_000_000)

    def _version(self, task_id: str) -> int:
        old = self._events.get(task_id)
        return max(self._clock(), old.version + 1 if old else 0)

    def _write(self, event: Event) -> Event:
        self._events[event.task_id] = event
        return event


def accepts(old: Event, new: Event) -> bool:
    """Whether the store takes ``new`` in the place of ``old``; ``store.lua`` says the same."""
    if old.state is State.SUCCESS or new.state is State.PENDING:
        return False
    if new.run == 0 or new.run > old.run:
        return True
    if new.run < old.run:
        return new.state is State.SUCCESS
    return old.state in RUNNING or old.state is State.PENDING
