"""A store inside one process, for tests and eager tasks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from .. import conf
from ..events import RUNNING, Event, State, is_same_task, lost
from .base import REFUSED, STORED, Answer, Envelope, Known, delay


class MemoryStore:
    """Keeps events in a dict, by the rules of ``redis.lua``; usable from any thread and loop.

    ``now`` returns seconds, as ``time.time`` does. Events are never dropped.
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
        """Return the store that this process shares."""
        if cls._shared is None:
            cls._shared = cls()
        return cls._shared

    async def put(self, events: Sequence[Event]) -> list[tuple[bool, Event]]:
        """See :meth:`Store.put`."""
        with self._lock:
            return [self._put(event) for event in events]

    async def publish(self, events: Sequence[Event], envelope: Envelope | None) -> list[Answer]:
        """See :meth:`Store.publish`; this store never sends, so no verdict is SENT."""
        return [
            Answer(event, STORED, stands.version, stands.run, stands.body())
            if accepted
            else Answer(event, REFUSED, stands=stands.text())
            for event, (accepted, stands) in zip(events, await self.put(events), strict=True)
        ]

    def _put(self, event: Event) -> tuple[bool, Event]:
        old = self._events.get(event.task_id)
        if old is not None and not accepts(old, event, self._clock()):
            return False, old
        if event.state in RUNNING or event.state is State.RETRY:
            self._alive[event.task_id] = self._clock() + int(event.due_in * 1_000_000)
        else:
            self._alive.pop(event.task_id, None)
        version = self._version(event.task_id)
        begins = event.run == 0 and event.state is not State.PENDING
        run = version if begins else max(event.run, old.run if old else 0)
        return True, self._write(replace(event, version=version, run=run, stalled=False))

    async def beat(self, runs: Iterable[tuple[str, int]]) -> list[tuple[bool, Event | None]]:
        """See :meth:`Store.beat`."""
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

    async def read(self, task_ids: Sequence[str], known: Known | None = None) -> dict[str, Event]:
        """See :meth:`Store.read`."""
        with self._lock:
            return {id_: self._read(self._events[id_]) for id_ in task_ids if id_ in self._events}

    def _read(self, event: Event) -> Event:
        limit = conf.silence() * 1e6
        if event.state in RUNNING and not event.stalled and self._silence(event) > limit:
            version = self._version(event.task_id)
            return self._write(replace(event, version=version, stalled=True))
        return event

    async def silent(self) -> list[str]:
        """See :meth:`Store.silent`."""
        with self._lock:
            limit = conf.nearly_lost_after()
            return [id_ for id_, event in self._events.items() if self._is_lost(event, limit)]

    async def lose(self, task_ids: Sequence[str]) -> None:
        """See :meth:`Store.lose`."""
        with self._lock:
            for event in [self._events[id_] for id_ in task_ids if id_ in self._events]:
                if self._is_lost(event, conf.lost_after()):
                    version = self._version(event.task_id)
                    self._write(replace(lost(event), version=version, stalled=False))

    async def clock(self) -> int:
        """See :meth:`Store.clock`."""
        return self._clock()

    async def aclose(self) -> None:
        """See :meth:`Store.aclose`; there is nothing to close."""

    def clear(self) -> None:
        """Delete all events."""
        with self._lock:
            self._events.clear()
            self._alive.clear()

    def _is_lost(self, event: Event, limit: float) -> bool:
        is_open = event.state in RUNNING or event.state is State.RETRY
        return is_open and self._silence(event) > limit * 1e6

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


def accepts(old: Event, new: Event, now: int) -> bool:  # noqa: PLR0911 - one rule, one return
    """Return whether ``new`` replaces ``old``, by the rules of :meth:`Store.put`."""
    waits = new.state is State.PENDING
    if not is_same_task(new, old):
        if new.published > old.published:
            return not (waits and old.state in RUNNING)
        return waits and old.complete and old.version < now - delay(new)
    if waits:
        later = new.attempt > old.attempt and not old.complete
        return later or (old.state in RUNNING and 0 < new.run == old.run)
    if old.state is State.SUCCESS:
        return False
    if new.attempt != old.attempt:
        return new.attempt > old.attempt or new.state is State.SUCCESS
    if new.run == 0 and new.state is old.state and old.complete:
        return False
    if new.run == 0 or new.run > old.run:
        return True
    if new.run < old.run:
        return new.state is State.SUCCESS
    return (
        old.state in RUNNING
        or old.state is State.PENDING
        or (old.state is State.RETRY and new.complete)
    )
