"""One background thread per process, which publishes the newest state of each run.

A task's thread only writes its state to memory. This thread's event loop reads it every
PROGRESS_INTERVAL while it changes, and passes the newest state to the delivery. Whatever happens
to Redis, nothing raises or waits in a task.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from .. import conf
from ..events import Event, State
from ..layers.groups import RightsChange
from ..loops import forever
from ..store import open_store
from .delivery import Delivery
from .inbox import Inbox
from .placing import origin
from .runs import Run
from .threads import start_real_thread

logger = logging.getLogger(__name__)

OUTSIDE_GRACE = 0.5  # seconds that an outcome from outside waits, since the run may report it
ASK = 0.005  # seconds between two checks whether the publisher's thread is done
EXIT_FLUSH = 0.8  # seconds that an ending process waits for undelivered events


class Publisher:
    """The publisher's thread and event loop. Any thread may call its public methods."""

    def __init__(self) -> None:
        self._interval = conf.interval()
        self._heartbeat = conf.heartbeat()
        self._store = open_store()
        self._delivery = Delivery(self._store, refused=self._remove)
        self._runs: dict[Run, None] = {}
        self._later: deque[Event] = deque()
        self._inbox = Inbox()
        self._awake = asyncio.Event()
        self._flushing: set[asyncio.Task[None]] = set()
        self._working: set[asyncio.Task[None]] = set()
        self._ended = False
        start_real_thread(self._begin, self._serve)

    def open(self, task_id: str, **more: Any) -> Run:
        """Begin a run and return it; ``more`` goes to :class:`Run`."""
        run = Run(task_id, publisher=self, **more)
        self.begin(run)
        return run

    def begin(self, run: Run) -> None:
        """Publish a new run of this publisher."""
        self._inbox.gather(self._add, run)

    def wake(self, run: Run) -> None:
        """See :class:`Carrier`."""
        self._inbox.call(self._wake, run)

    def adopt(self, run: Run) -> None:
        """Publish a run that began in the parent process, before the fork."""
        run.publisher, run.adopted_at = self, time.monotonic()
        run.worker = f"{origin(run.worker)}.{os.getpid():x}"
        self._inbox.call(self._adopt, run)

    def conclude(self, run: Run, state: State, **more: Any) -> None:
        """See :class:`Carrier`."""
        run.attend, run.concluded = False, True
        self._inbox.gather(self._conclude, run, state, more)

    def drop(self, run: Run) -> None:
        """See :class:`Carrier`."""
        run.attend, run.concluded = False, True
        self._inbox.gather(self._remove, run)

    def say(self, event: Event) -> None:
        """Publish an event that no run reports: PENDING, RETRY or an outcome.

        An outcome keeps the counts of the present run, and is dropped if the task has an outcome.
        """
        self._inbox.gather(self._offer_outside, event)

    def tell(self, change: RightsChange) -> None:
        """Send a change of rights to all web processes, which then ask their rules again."""
        self._inbox.call(self._tell, change)

    def flush(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds for all events; return whether they are delivered."""
        flushed: list[asyncio.Task[None]] = []
        self._inbox.call(self._flush, flushed)
        self._wait_for(lambda: bool(flushed), timeout)
        return bool(flushed)

    def close(self, timeout: float = EXIT_FLUSH) -> None:
        """Flush for at most ``timeout`` seconds, then end the thread."""
        self.flush(timeout)
        self._inbox.call(self._main.cancel)
        self._wait_for(lambda: self._ended, timeout)

    def orphan(self) -> None:
        """Let the runs find the publisher of this forked child, which lacks the parent's thread."""
        for run in [*self._runs, *self._inbox.arguments()]:
            if isinstance(run, Run) and not run.concluded:
                run.attend = True

    def _wait_for(self, done: Callable[[], bool], timeout: float) -> None:
        # Polls, since locks of gevent and eventlet do not work between real threads.
        deadline = time.monotonic() + timeout
        while not (done() or self._ended) and time.monotonic() < deadline:
            time.sleep(ASK)

    # All methods below run in the publisher's thread.

    def _begin(self) -> None:
        # Made in this thread, since gevent's selectors belong to the thread that made them.
        self._loop = asyncio.new_event_loop()
        self._inbox.bind(self._loop)
        self._main = self._loop.create_task(self._work())

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._main)
        except Exception:
            logger.exception("This process no longer publishes progress")
        finally:
            self._ended = True
            self._loop.close()

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(forever("Delivering progress", self._delivery.step))
                tasks.create_task(forever("Reading what tasks report", self._read_on))
                tasks.create_task(forever("Sending heartbeats", self._beat))
        finally:
            for waiting in self._flushing | self._working:
                waiting.cancel()
            await self._store.aclose()

    def _add(self, run: Run) -> None:
        if run.concluded:  # the run has ended already, and its outcome is published instead
            return
        self._runs[run] = None
        self._delivery.offer(run, run.event(State.STARTED))

    def _adopt(self, run: Run) -> None:
        self._runs[run] = None
        self._wake(run)

    def _wake(self, run: Run) -> None:
        if run in self._runs:
            self._read(run, self._loop.time())
            self._awake.set()

    def _conclude(self, run: Run, state: State, more: dict[str, Any]) -> None:
        self._remove(run)
        if state is State.PENDING:
            run.forget()
            if not run.number:
                self._await(self._wait_after_start(run))
                return
        self._delivery.offer(run, run.event(state, **more))

    async def _wait_after_start(self, run: Run) -> None:
        """Deliver the start of a run that waits again at once: its PENDING needs the run's number.

        Without the number it would not replace an earlier run, whose process is gone. The number is
        the time when the run began, so the store refuses both events if it has a later run: another
        process may have taken the task meanwhile.
        """
        # By the store's clock, which numbers the runs; the clock of this worker may differ.
        began = await self._delivery.clock() - int((time.time() - run.began_at) * 1e6)
        if not run.number:  # an event of the run may have been on its way, and got a number
            run.number = began
        self._delivery.offer(run, run.event(State.STARTED))
        await self._delivery.idle()
        self._delivery.offer(run, run.event(State.PENDING))

    def _remove(self, run: Run) -> None:
        self._runs.pop(run, None)

    def _offer_outside(self, event: Event) -> None:
        if not event.complete:
            self._delivery.offer(event.task_id, event)
            return
        # If the run's process is alive, it may report the outcome with its counts.
        self._later.append(event)
        self._loop.call_later(OUTSIDE_GRACE, self._offer_later)

    def _offer_later(self) -> None:
        if self._later:  # a flush may have offered it already
            event = self._later.popleft()
            self._delivery.offer(event.task_id, event)

    def _tell(self, change: RightsChange) -> None:
        self._await(self._delivery.tell(change))

    def _await(self, work: Coroutine[None, None, None]) -> None:
        """Start this work, for which :meth:`flush` waits."""
        working = self._loop.create_task(work)
        self._working.add(working)
        working.add_done_callback(self._working.discard)

    async def _read_on(self) -> None:
        """Read the runs every interval while they report, then sleep until a run wakes it."""
        await self._awake.wait()
        await asyncio.sleep(self._interval)
        now = self._loop.time()
        for run in self._runs:
            run.attend = run.attend or now >= run.result_at
        if not self._read_all(now):
            self._sleep(now)

    def _read_all(self, now: float) -> bool:
        found = [self._read(run, now) for run in self._runs]  # a list, so that every run is read
        return any(found)

    def _read(self, run: Run, now: float) -> bool:
        """Deliver the run's report if it is new and due; return whether it is new."""
        if run.said is run.seen:
            return False
        if now - run.sent_at >= self._interval * 0.9:  # the loop's clock is not that exact
            run.sent_at = now
            run.seen = run.said
            run.state = State.PROGRESS
            run.measure(now)
            self._delivery.offer(run, run.event(State.PROGRESS))
        return True

    def _sleep(self, now: float) -> None:
        self._awake.clear()
        for run in self._runs:
            run.attend = True
        # A task that reported just before it saw ``attend`` has not woken this loop.
        if self._read_all(now):
            self._awake.set()

    async def _beat(self) -> None:
        await self._beat_all()
        # At the end, so that the next try after an error comes soon: a store that comes back marks
        # the runs as stalled until their heartbeats come.
        await asyncio.sleep(self._heartbeat)

    async def _beat_all(self) -> None:
        # A run that has ended is not removed if a time limit interrupted the signal of its end.
        runs = [run for run in self._runs if run.number and not run.concluded]
        for run in runs:
            if run.pace is not None and run.has_slowed(self._loop.time()):
                self._delivery.offer(run, run.event(run.state))
        answers = await self._store.beat([(run.task_id, run.number) for run in runs])
        revived = []
        for run, (taken, event) in zip(runs, answers, strict=True):
            if taken:
                revived += [event] if event is not None else []
            elif event is None or event.run < run.number:  # the store lost it
                self._delivery.offer(run, run.event(run.state))
            else:
                self._remove(run)
        await self._delivery.announce(revived)

    def _flush(self, flushed: list[asyncio.Task[None]]) -> None:
        for run in self._runs:
            run.sent_at = 0.0
        while self._later:
            self._offer_later()
        self._read_all(self._loop.time())
        waiting = self._loop.create_task(self._all_out())
        self._flushing.add(waiting)
        waiting.add_done_callback(self._flushing.discard)
        waiting.add_done_callback(flushed.append)

    async def _all_out(self) -> None:
        await asyncio.gather(*self._working)
        await self._delivery.idle()
