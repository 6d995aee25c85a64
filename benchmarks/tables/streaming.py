"""Table 4: what a delivery costs a web process when each watcher has its own task."""

import time
from contextlib import ExitStack, contextmanager

from benchmarks.parts.children import Child
from benchmarks.parts.crowd import crowded
from benchmarks.parts.machine import prepare, redis_server
from benchmarks.parts.tellers import Raw, Tasks, text
from benchmarks.report import Table, Target, medians, ratios

TASKS = 2_000
PERIOD = 0.5  # seconds between two events of a task
WARM = 1.0  # seconds before the clock is looked at
SECONDS = 2.5
ROUNDS = 3
BURSTS = 6  # rounds of the floor: as many events of each task as the others have
MOST = 1.5
NAMES = [f"benchmark-{number:04}" for number in range(TASKS)]
CHANNELS = [f"/{name}" for name in NAMES]
RAW, OURS = "bare ASGI on raw redis-py", "channels-progress"


class Side:
    """A server with its sockets."""

    def __init__(self, server, crowd):
        self._server, self._crowd = server, crowd

    def burst(self):
        """Microseconds of CPU a delivery, and deliveries a second: as fast as they go out."""
        cpu, began, heard = self._server.cpu, time.monotonic(), self._crowd("count")
        for number in range(1, BURSTS + 1):
            self._crowd("say", text())
            self._crowd("wait", heard + number * TASKS)
        return self._figures(cpu, began, heard)

    def stream(self, teller, *arguments):
        """The same, while that tells of all tasks."""
        teller.start("stream", *arguments, WARM + SECONDS + PERIOD, PERIOD)
        time.sleep(WARM)
        cpu, began, heard = self._server.cpu, time.monotonic(), self._crowd("count")
        time.sleep(SECONDS)
        figures = self._figures(cpu, began, heard)
        teller.result("stream")
        self._server.settle()
        return figures

    def _figures(self, cpu, began, heard):
        deliveries = self._crowd("count") - heard
        cost = (self._server.cpu - cpu) / deliveries * 1e6
        return cost, deliveries / (time.monotonic() - began)


@contextmanager
def sides(kind, url):
    """How each is measured, by its name."""
    with ExitStack() as stack:

        def side(site, paths):
            running, crowd = crowded(stack, kind, url, site)
            crowd("open", paths, hearing=site == "ours")
            return Side(running, crowd)

        tasks = stack.enter_context(Child(Tasks, url, {}))
        raw = stack.enter_context(Child(Raw, url))
        tokens = tasks("begin", NAMES)
        floor = side("floor", ["/"] * TASKS)
        bare = side("raw", CHANNELS)
        ours = side("ours", [f"/{n}/?token={t}" for n, t in zip(NAMES, tokens, strict=True)])
        time.sleep(WARM * 2)  # what is new is looked at twice
        yield {
            "floor": floor.burst,
            RAW: lambda: bare.stream(raw, CHANNELS, text()),
            OURS: lambda: ours.stream(tasks),
        }


def measured():
    """Floors and ours are open at once, on the same core, and speak in turn."""
    prepare()
    table = Table(
        4,
        f"CPU of a web process for one delivery, {TASKS:,} watchers of {TASKS:,} tasks",
        ["server", "", "µs", "times the floor", "deliveries a second"],
        f"Medians of {ROUNDS} interleaved rounds. Each task has an event every {PERIOD} s; the\n"
        "floor is told nothing by anybody, it sends one ready text to all sockets in turn.",
    )
    with redis_server() as redis:
        for kind in ("daphne", "uvicorn"):
            with sides(kind, f"{redis.connection_url}/0") as found:
                rounds = [{n: each() for n, each in found.items()} for _ in range(ROUNDS)]
            costs = [{n: cost for n, (cost, _) in each.items()} for each in rounds]
            rates = medians([{n: rate for n, (_, rate) in each.items()} for each in rounds])
            times = ratios(costs)
            for name, cost in medians(costs).items():
                table.rows.append([kind, name, cost, times[name], rates[name]])
            what = f"CPU a delivery of many tasks, {kind}, times the floor"
            table.targets.append(Target(what, times[OURS], MOST))
    return table
