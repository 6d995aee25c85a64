"""Tasks and watchers that come and go, and what those watchers must see."""

import asyncio
import json
import time
from collections import Counter, deque
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import websockets

from tests.soak.watchers import Collector, Visitor

TASKS_A_SECOND = 3.0
WORKERS = 12  # tasks that run at once
STEP = 0.05  # seconds
AHEAD = 5.0  # seconds that a task's first watchers may come before its start
RETENTION = 30  # seconds the store keeps an event after the last one
COLLECTORS = 90  # sockets with many subscriptions
ENDS_WITHIN = 90  # seconds a task may take, with waiting for a free worker
RECONCILE = 5  # seconds, as promised, within which an outcome that is due comes
PATIENCE = 30  # seconds after which an outcome that is due counts as missing
NOTES = 5  # descriptions that are kept of each kind of error


class Counting:
    """A task that counts. ``over`` is set when Celery's result backend has its outcome."""

    def __init__(self, task_id, total):
        self.task_id = task_id
        self.total = total
        self.ended_at = None
        self.over = asyncio.Event()


class Churn:
    """Starts tasks and watchers, and tallies the watchers that are short of an outcome.

    - A watcher that came before the outcome and stayed must see it, even if the store was away or
      emptied: the worker keeps the outcome and delivers it.
    - A watcher that came after the outcome must see it as well, even if the store was emptied or
      the retention is over: Celery's result backend is on the broker's server, which has no
      faults, and knows all of these tasks. So UNKNOWN is never the last event.
    - A watcher that left or unsubscribed before the outcome is never short.
    - Every watcher must see rising versions and nothing after an outcome, and the server must not
      close its socket before it. It must close with 1000 after it, unless Daphne cut the socket
      off (see ``cuts``).

    A watcher is short without an outcome 30 s after it was due, and late when it came more than
    6 s after. An outcome is due when Celery's result backend has it, the watcher is connected, and
    the store is back from any outage that began less than 5 s later: until then the event may have
    been lost and not recovered.
    """

    def __init__(self, random, celery, broker, webs):
        self.tally = Counter()
        self.notes = []
        self.slowest = 0.0
        self.present = 0
        self.outages = []  # (when the store was killed, when it was back), on the wall's clock
        self._random = random
        self._celery = celery
        self._broker = broker
        self._webs = webs
        self._recent = deque(maxlen=60)
        self._pending = {}

    def burst(self):
        """Start as many unwatched tasks as occupy every thread and process of the workers."""
        for _ in range(2 * WORKERS):
            self._send(Counting(self._task_id(), 50))

    async def run(self, seconds):
        """Start tasks and watchers for so many seconds; return when the last one is done."""
        until = time.monotonic() + seconds
        asking = asyncio.create_task(self._ask())
        async with asyncio.TaskGroup() as group:
            for _ in range(COLLECTORS):
                group.create_task(self._collect(until))
            while time.monotonic() < until:
                group.create_task(self._count(group))
                await asyncio.sleep(self._random.expovariate(TASKS_A_SECOND))
        asking.cancel()

    async def _ask(self):
        """Ask Celery's result backend which tasks have ended, and when."""
        while True:
            await asyncio.sleep(0.25)
            waiting = list(self._pending.values())
            names = [f"celery-task-meta-{each.task_id}" for each in waiting]
            for each, text in zip(waiting, names and self._broker.mget(names), strict=True):
                record = json.loads(text or "{}")
                if record.get("status") in ("SUCCESS", "FAILURE", "REVOKED"):
                    each.ended_at = datetime.fromisoformat(record["date_done"]).timestamp()
                    each.over.set()
                    del self._pending[each.task_id]

    async def _count(self, group):
        """Run a task and its watchers: early ones, late ones, and some long after its end."""
        choose = self._random.uniform
        task = Counting(self._task_id(), self._random.randint(5, 50))
        ahead, length = choose(0, AHEAD), task.total * STEP
        self._recent.append(task)
        for _ in range(10):
            group.create_task(self._visit(task, choose(0, ahead)))
        for _ in range(2):
            group.create_task(self._leave(task, choose(0, ahead), choose(0, AHEAD)))
        for _ in range(3):
            group.create_task(self._visit(task, ahead + choose(0, length)))
        await asyncio.sleep(ahead)
        self._send(task)
        if await self._ended(task):
            for _ in range(2):
                group.create_task(self._visit(task, choose(0, RETENTION / 2)))
            if self._random.random() < 0.2:
                group.create_task(self._visit(task, choose(1.2, 1.5) * RETENTION))

    def _task_id(self):
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def _send(self, task):
        options = {"task_id": task.task_id, "queue": "tests"}
        self._celery.send_task("tests.support.celery.count", (task.total, STEP), **options)
        self.tally["tasks"] += 1
        self._pending[task.task_id] = task

    async def _ended(self, task):
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN):
                return await task.over.wait()
        if self._pending.pop(task.task_id, None):
            self._wrong("unfinished tasks", task.task_id)
        return False

    async def _visit(self, task, delay):
        await asyncio.sleep(delay)
        watcher, joined_at = self._visitor(task), time.time()
        try:
            if await self._ended(task):
                event = await watcher.outcome(within=self._within(task, joined_at))
                self._saw(task, joined_at, event, watcher.arrived)
                await watcher.ended()
        except TimeoutError:
            connected = f"{watcher.connections} connections"
            self._wrong("short", f"{task.task_id}, {connected}: {watcher.newest}")
        await self._part(watcher)

    async def _leave(self, task, delay, stay):
        await asyncio.sleep(delay)
        watcher = self._visitor(task)
        await asyncio.sleep(stay)
        self.tally["left"] += 1
        if self._random.random() < 0.5:
            watcher.abort()
        await self._part(watcher)

    def _visitor(self, task):
        self.present += 1
        url = self._random.choice(self._webs).url(task.task_id)
        return Visitor(url, seed=self._random.random())

    async def _part(self, watcher):
        await watcher.close()
        self.present -= 1
        self.tally["reconnects"] += max(0, watcher.connections - 1)
        self.tally["cut"] += watcher.was_cut
        self._note_wrongs(watcher)

    async def _collect(self, until):
        """Open one socket after the other, each for a while."""
        await asyncio.sleep(self._random.uniform(0, 10))
        while time.monotonic() < until:
            try:
                await self._collect_for(self._random.uniform(10, 60), until)
            except (OSError, TimeoutError, websockets.InvalidHandshake) as error:
                self._wrong("wrong frames", f"a socket was not opened: {error!r}")

    async def _collect_for(self, seconds, until):
        until = min(until, time.monotonic() + seconds)
        port = self._random.choice(self._webs).port
        collector = Collector(f"ws://127.0.0.1:{port}/ws/progress/")
        async with collector:
            self.present += 1
            async with asyncio.TaskGroup() as group:
                while time.monotonic() < until:
                    task = self._random.choice(self._recent)
                    if task.task_id not in collector.subscribed:
                        group.create_task(self._subscribe(collector, task))
                    await asyncio.sleep(self._random.uniform(1, 5))
            if self._random.random() < 0.3:
                collector.abort()
        self.present -= 1
        self._note_wrongs(collector)

    async def _subscribe(self, collector, task):
        joined_at = time.time()
        await collector.subscribe(task.task_id)
        if self._random.random() < 0.25:
            await asyncio.sleep(self._random.uniform(0, AHEAD))
            await collector.unsubscribe(task.task_id)
            self.tally["left"] += 1
        elif await self._ended(task):
            try:
                within = self._within(task, joined_at)
                event, arrived = await collector.outcome(task.task_id, within=within)
                self._saw(task, joined_at, event, arrived)
            except TimeoutError:
                self._wrong("short", f"{task.task_id}, one of many")

    def _due(self, task, joined_at):
        due = max(task.ended_at, joined_at)
        for killed_at, back_at in self.outages:
            if killed_at - RECONCILE <= due < back_at:
                due = back_at
        return due

    def _within(self, task, joined_at):
        return max(0, self._due(task, joined_at) - time.time()) + PATIENCE

    def _saw(self, task, joined_at, event, arrived):
        due = self._due(task, joined_at)
        self.tally["outcomes"] += 1
        self.tally["outcomes after an outage"] += due > max(task.ended_at, joined_at)
        self.slowest = max(self.slowest, arrived - due)
        if arrived - due > RECONCILE + 1:
            self._wrong("late", f"{task.task_id}: {arrived - due:.1f} s after it was due")
        if event["state"] != "SUCCESS":
            self._wrong("wrong frames", f"not the outcome that Celery has: {event}")

    def _note_wrongs(self, watcher):
        for wrong in watcher.wrongs:
            self._wrong("wrong frames", wrong)

    def _wrong(self, what, note):
        self.tally[what] += 1
        if self.tally[what] <= NOTES:
            self.notes.append(f"{what}: {note}")
