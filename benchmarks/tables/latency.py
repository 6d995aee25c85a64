"""Table 7: how soon a watcher sees a report, beside raw Redis and a raw websocket.

Reports carry the time at which they were made, of a clock that all processes of a machine share,
and whoever hears one looks at the same clock. At half load other tasks and watchers keep the web
process at about half of its core.
"""

import asyncio
import os
import select
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

from benchmarks.parts.latency_hearing import listen, poll
from benchmarks.parts.machine import ROOT, prepare, redis_server, served
from benchmarks.parts.tellers import SECRET
from benchmarks.peers import celery_progress
from benchmarks.report import Table, Target

SERVERS = ("uvicorn", "daphne")
PEER_SITE = "benchmarks.peers.sites:application"
TASKS = 4  # that are listened to, of each side
ROUNDS = 3
REPORTS = 12  # of each task in a round
POLLED = 3  # the same, where a page polls
SETTLE = 1.0  # seconds over which the load is measured when it is set
PAUSE = 0.4  # seconds for what is under way
STEPS = 2  # corrections of the load
START_RATE = 100.0  # events a second
HALF = 0.5  # of a core
MEDIAN, P99 = 2, 2  # times that of the raw way, at most
WITHIN = 60  # seconds a process that was started may take
IDLE, BUSY = "idle", "half load"
PEERS = ("websocket", "polling")
NAMES = {
    "raw": "raw Redis and websocket",
    "ours": "channels-progress",
    "websocket": "celery-progress, websocket",
    "polling": "celery-progress, polling",
}
NOTE = f"""Milliseconds from set_progress to the client. {TASKS} tasks, each in a process of its
own, report about every 0.15 s (polled: 0.6 s). "core" is what the web process took of its core."""


class Part:
    """A process that does what it reads, line by line, and answers with lines."""

    def __init__(self, stack, env, *command, python=sys.executable):
        self._name = " ".join(command)
        self._process = stack.enter_context(_ended([python, "-m", *command], env))

    def tell(self, line):
        """What it is to do."""
        self._process.stdin.write(f"{line}\n".encode())

    async def answer(self):
        """Wait for its answer and return the line. Exits when it is late or the process ended."""
        output = self._process.stdout
        ready = await asyncio.to_thread(select.select, [output], [], [], WITHIN)
        if not ready[0] or not (line := output.readline()):
            raise SystemExit(f"{self._name} did not answer in {WITHIN} s")
        return line


@contextmanager
def _ended(command, env):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
    process = subprocess.Popen(command, env={**os.environ, **env}, cwd=ROOT, **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


class Side:
    """A server, tasks, and who listens to them."""

    def __init__(self, stack, kind, server, env):
        self.kind, self.server = kind, server
        peer = kind in PEERS
        python = celery_progress.found() if peer else sys.executable
        site = {"site": PEER_SITE, "python": python} if peer else {}
        self._process = stack.enter_context(served(server, {**env, "BENCH_SITE": kind}, **site))
        self._ids = [f"latency-{kind}-{server}-{number}" for number in range(TASKS)]
        self._tasks = [
            Part(stack, env, "benchmarks.parts.latency_task", kind, each, python=python)
            for each in self._ids
        ]
        self._reports = POLLED if kind == "polling" else REPORTS
        self.rate, self.loads, self.ages = START_RATE, [], {IDLE: [], BUSY: []}

    async def open(self, stack):
        """Listen, until the stack is through."""
        hear = poll if self.kind == "polling" else listen
        self._heard = [await hear(self._process.port, self._path(each)) for each in self._ids]
        for each in self._heard:
            stack.callback(each.end)

    def _path(self, task_id):
        if self.kind == "ours":
            from progress import make_token

            return f"/{task_id}/?token={make_token(task_id)}"
        paths = {"raw": f"/{task_id}", "websocket": f"/ws/progress/{task_id}/"}
        return paths.get(self.kind, f"/{task_id}/")

    async def load(self, stack, env):
        """Let others watch other tasks."""
        port = str(self._process.port)
        self._load = Part(stack, env, "benchmarks.parts.latency_load", self.kind, port)
        await self._load.answer()

    async def report(self, name):
        """Let the tasks report, and keep how old each report was when it came."""
        for task, heard in zip(self._tasks, self._heard, strict=True):
            heard.ages.clear()
            task.tell(self._reports)
        for task in self._tasks:
            await task.answer()
        ages = []
        while True:  # a server that has fallen behind still sends
            await asyncio.sleep(PAUSE)
            before, ages = ages, [age for heard in self._heard for age in heard.ages]
            if len(ages) == len(before):
                break
        if len(ages) < 0.9 * TASKS * self._reports:  # a later one takes the place of one that waits
            raise SystemExit(f"{TASKS * self._reports} reports of {self.kind} came as {len(ages)}")
        self.ages[name] += ages

    async def calibrate(self):
        """Find the rate that takes half of the core, by what an event costs.

        Not by the share of the core that a rate takes: where others take the core, that stays
        small, however far the server falls behind.
        """
        for _ in range(STEPS):
            cpu = self._process.cpu
            await self._load_at(self.rate)
            await asyncio.sleep(SETTLE)
            events = await self._load_at(0)
            await asyncio.to_thread(self._process.settle)
            self.rate = HALF * events / (self._process.cpu - cpu)

    async def busy(self):
        """Reports under load."""
        await self._load_at(self.rate)
        await asyncio.sleep(PAUSE)
        self.loads.append(await self._measured(self.report(BUSY)))
        await self._load_at(0)
        await asyncio.sleep(PAUSE)

    async def _load_at(self, rate):
        """Change the rate; return how many events there were since the last change."""
        self._load.tell(rate)
        return int(await self._load.answer())

    async def _measured(self, doing):
        """The share of the core that the web process takes meanwhile."""
        cpu, began = self._process.cpu, time.monotonic()
        await doing
        return (self._process.cpu - cpu) / (time.monotonic() - began)

    def row(self, name):
        """Its line of the table, less the ratio."""
        load = f"{statistics.median(self.loads):.0%}" if name == BUSY else ""
        return [f"{self.server}, {name}", NAMES[self.kind], load, *self.figures(name)]

    def figures(self, name):
        """Median and p99."""
        ages = self.ages[name]
        return statistics.median(ages), statistics.quantiles(ages, n=100, method="inclusive")[98]


async def _compared(table, server, env):
    """Ours beside the raw one on this server, in turns."""
    with ExitStack() as stack:
        raw, ours = sides = [Side(stack, kind, server, env) for kind in ("raw", "ours")]
        kinds = PEERS if server == SERVERS[0] else ()
        others = [Side(stack, kind, server, env) for kind in kinds]
        for each in (*sides, *others):
            await each.open(stack)
        for _ in range(ROUNDS):
            await asyncio.gather(*(each.report(IDLE) for each in (*sides, *others)))
        for each in sides:
            await each.load(stack, env)
            await each.calibrate()
        for _ in range(ROUNDS):
            for each in sides:
                await each.busy()
    _note(table, raw, ours, others)


def _note(table, raw, ours, others):
    for name in (IDLE, BUSY):
        floor, _ = raw.figures(name)
        for side in (raw, ours, *(others if name == IDLE else [])):
            table.rows.append([*side.row(name), side.figures(name)[0] / floor])
        ratio = ours.figures(name)[0] / floor
        what = f"latency, {ours.server}, {name}: median as raw"
        table.targets.append(Target(what, ratio, MEDIAN))
    slowest = ours.figures(BUSY)[1] / raw.figures(BUSY)[1]
    table.targets.append(Target(f"latency, {ours.server}, {BUSY}: p99 as raw", slowest, P99))


async def _all(table):
    from progress import configure

    with redis_server() as redis:
        url = f"{redis.connection_url}/0"
        configure(redis_url=url, secret=SECRET)
        env = {"BENCH_REDIS": url, "BENCH_SECRET": SECRET}
        for server in SERVERS:
            await _compared(table, server, env)


def measured():
    """Table 7."""
    prepare()
    columns = ["", "", "core", "median ms", "p99 ms", "times raw"]
    table = Table(7, "From set_progress to the client", columns, NOTE)
    asyncio.run(_all(table))
    return table
