"""One background thread that takes the newest state of each run to the watchers.

The tasks' threads only leave words in memory. The thread's event loop, which lives as long as the
process, looks at them every PROGRESS_INTERVAL while they change and hands the newest to the
delivery. Whatever happens to Redis, nothing raises or waits in a task.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .. import conf
from ..events import Event, State
from ..layers.groups import Change
from ..loops import forever
from ..store.redis import open_store
from .delivery import Delivery
from .runs import Run
from .threads import start_real_thread

logger = logging.getLogger("progress")

OUTSIDE_GRACE = 0.5  # seconds an outcome that comes from outside its run lets the run speak first
ASK = 0.005  # seconds between two looks whether the publisher's thread is done
TOGETHER = 0.1  # seconds at most that what begins or ends waits for more of it
EXIT_FLUSH = 0.8  # seconds a process that ends waits for what is not delivered yet


class Publisher:
    """The thread and its loop. Made by `process.get_publisher`; its methods are for any thread."""

    def __init__(self) -> None:
        self._interval = conf.interval()
        self._heartbeat = conf.heartbeat()
        self._store = open_store()
        self._delivery = Delivery(self._store, refused=self._dropped)
        self._runs: dict[Run, None] = {}
        self._later: deque[Event] = deque()
        self._inbox: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._gathering = False  # whether the thread looks into it by itself
        self._awake = asyncio.Event()
        self._flushing: set[asyncio.Task[None]] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self._ended = False
        start_real_thread(self._begin, self._serve)

    def open(self, task_id: str, *, attempt: int = 1) -> Run:
        """A run has begun."""
        run = Run(task_id, attempt=attempt, publisher=self)
        self._leave(self._opened, run)
        return run

    def wake(self, run: Run) -> None:
        """A run has something to say, after a pause or for the first time."""
        self._call(self._woken, run)

    def adopt(self, run: Run) -> None:
        """A run that began in the process this one was forked from goes on here."""
        run.publisher, run.adopted_at = self, time.monotonic()
        self._call(self._adopted, run)

    def conclude(self, run: Run, state: State, **more: Any) -> None:
        """A run is over: by an outcome or, with RETRY, until the next one."""
        run.attend, run.concluded = False, True
        self._leave(self._concluded, run, state, more)

    def drop(self, run: Run) -> None:
        """A run is over and nobody knows how: it gives no more signs of life."""
        run.attend, run.concluded = False, True
        self._leave(self._dropped, run)

    def say(self, event: Event) -> None:
        """Something is known of a task, but not from within a run: PENDING, or an outcome.

        An outcome keeps the counts of the run that stands, and is refused if that has one.
        """
        self._leave(self._said, event)

    def tell(self, change: Change) -> None:
        """Rights have changed; all web processes are to ask again."""
        self._call(self._told, change)

    def flush(self, timeout: float) -> bool:
        """Wait until all is delivered, at most ``timeout`` seconds; whether it was."""
        flushed: list[asyncio.Task[None]] = []
        self._call(self._flush, flushed)
        self._wait_for(lambda: bool(flushed), timeout)
        return bool(flushed)

    def close(self, timeout: float = EXIT_FLUSH) -> None:
        """Deliver what can be delivered within ``timeout`` seconds, then end the thread."""
        self.flush(timeout)
        self._call(self._main.cancel)
        self._wait_for(lambda: self._ended, timeout)

    def orphan(self) -> None:
        """In a forked child: the thread is not here, its runs report to another publisher."""
        left = (each for _, arguments in self._inbox for each in arguments)
        for run in [*self._runs, *left]:
            if isinstance(run, Run) and not run.concluded:
                run.attend = True

    def _call(self, function: Callable[..., object], *arguments: Any) -> None:
        self._inbox.append((function, arguments))
        self._rouse(self._take)

    def _leave(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call it soon: at once, or together with others, since each look costs the tasks' CPU."""
        self._inbox.append((function, arguments))
        if not self._gathering:
            self._gathering = True
            self._rouse(self._gather)

    def _rouse(self, function: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(function)

    def _wait_for(self, done: Callable[[], bool], timeout: float) -> None:
        # Asks, since the locks of gevent and eventlet do not reach from thread to thread.
        deadline = time.monotonic() + timeout
        while not (done() or self._ended) and time.monotonic() < deadline:
            time.sleep(ASK)

    # From here on: in the publisher's own thread.

    def _begin(self) -> None:
        # Here, since what gevent selects with belongs to the thread that made it.
        self._loop = asyncio.new_event_loop()
        self._main = self._loop.create_task(self._work())

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._main)
        except Exception:
            logger.exception("No more progress is published from this process")
        finally:
            self._ended = True
            self._loop.close()

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(forever("Delivering progress", self._delivery.step))
                tasks.create_task(forever("Looking at tasks", self._look_on))
                tasks.create_task(forever("Giving signs of life", self._beat))
        finally:
            for waiting in self._flushing | self._telling:
                waiting.cancel()
            await self._store.aclose()

    def _take(self) -> None:
        while self._inbox:
            function, arguments = self._inbox.popleft()
            function(*arguments)

    def _gather(self) -> None:
        """Take what there is, and again while there is more."""
        self._gathering = False
        if self._inbox:  # looked at after the flag: who left something has seen it, or we see that
            self._gathering = True
            self._loop.call_later(TOGETHER, self._gather)
            self._take()

    def _opened(self, run: Run) -> None:
        if run.concluded:  # over already, which says more
            return
        self._runs[run] = None
        self._delivery.offer(run, run.event(State.STARTED))

    def _adopted(self, run: Run) -> None:
        self._runs[run] = None
        self._woken(run)

    def _woken(self, run: Run) -> None:
        if run in self._runs:
            self._look_at(run, self._loop.time())
            self._awake.set()

    def _concluded(self, run: Run, state: State, more: dict[str, Any]) -> None:
        self._dropped(run)
        self._delivery.offer(run, run.event(state, **more))

    def _dropped(self, run: Run) -> None:
        self._runs.pop(run, None)

    def _said(self, event: Event) -> None:
        if not event.complete:
            self._delivery.offer(event.task_id, event)
            return
        # The run's own process, if it lives, knows the counts, and may be about to tell.
        self._later.append(event)
        self._loop.call_later(OUTSIDE_GRACE, self._offer_later)

    def _offer_later(self) -> None:
        if self._later:  # a flush may have been quicker
            event = self._later.popleft()
            self._delivery.offer(event.task_id, event)

    def _told(self, change: Change) -> None:
        telling = self._loop.create_task(self._delivery.tell(change))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _look_on(self) -> None:
        """Look at the runs while they have something to say; then sleep until one wakes us."""
        await self._awake.wait()
        await asyncio.sleep(self._interval)
        now = self._loop.time()
        for run in self._runs:
            run.attend = run.attend or now >= run.result_at
        if not self._look(now):
            self._sleep(now)

    def _look(self, now: float) -> bool:
        looks = [self._look_at(run, now) for run in self._runs]  # at all, not until the first
        return any(looks)

    def _look_at(self, run: Run, now: float) -> bool:
        """Offer what the run said since the last look; whether there was anything."""
        if run.said is run.seen:
            return False
        if now - run.sent_at >= self._interval * 0.9:  # the loop's clock is not that exact
            run.sent_at = now
            run.seen = run.said
            run.state = State.PROGRESS
            self._delivery.offer(run, run.event(State.PROGRESS))
        return True

    def _sleep(self, now: float) -> None:
        self._awake.clear()
        for run in self._runs:
            run.attend = True
        # A task that reported before it could see the flag would not wake us.
        if self._look(now):
            self._awake.set()

    async def _beat(self) -> None:
        await asyncio.sleep(self._heartbeat)
        runs = [run for run in self._runs if run.number]
        answers = await self._store.beat([(run.task_id, run.number) for run in runs])
        revived = []
        for run, (taken, event) in zip(runs, answers, strict=True):
            if not taken and event is None:  # the store forgot
                self._delivery.offer(run, run.event(run.state))
            elif not taken:
                self._dropped(run)
            elif event is not None:
                revived.append(event)
        await self._delivery.announce(revived)

    def _flush(self, flushed: list[asyncio.Task[None]]) -> None:
        for run in self._runs:
            run.sent_at = 0.0
        while self._later:
            self._offer_later()
        self._look(self._loop.time())
        waiting = self._loop.create_task(self._all_out())
        self._flushing.add(waiting)
        waiting.add_done_callback(self._flushing.discard)
        waiting.add_done_callback(flushed.append)

    async def _all_out(self) -> None:
        await asyncio.gather(self._delivery.idle(), *self._telling)
