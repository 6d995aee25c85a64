"""Table 3: what an event costs a web process for each watcher of its task."""

import sys
from contextlib import ExitStack, contextmanager
from functools import partial

from benchmarks.parts.children import Child
from benchmarks.parts.crowd import crowded
from benchmarks.parts.machine import SITE, prepare, redis_server
from benchmarks.parts.tellers import Layer, Tasks, text
from benchmarks.peers import celery_progress
from benchmarks.report import Table, Target, medians, ratios

TASK = "benchmark-0000"
#: Of a site that is not in sites.py: a server of its own, and its module.
ELSEWHERE = {
    "celery": (None, "benchmarks.peers.sites:application"),
    "broadcast": ("websockets", "benchmarks.peers.broadcast"),
}
COUNTS = (200, 2_000, 10_000)
#: What joins a group for each socket takes too long with more.
WATCHERS = {
    "floor": COUNTS,
    "channels-progress": COUNTS,
    "celery-progress": COUNTS[:2],
    "websockets.broadcast": COUNTS[1:2],
}
ROUNDS = 5
DELIVERIES = 10_000  # in a round
DELIVERIES_OF = {"celery-progress": 2_000}  # what takes longer
MOST, FLAT = 1.25, 1.1


class Side:
    """One of those compared: a server, who is connected to it, and how an event comes there."""

    def __init__(self, server, crowd, path, tell, *, hears):
        self.server, self._crowd, self._path, self._tell = server, crowd, path, tell
        self._hears = hears  # the present state, on coming
        self._watchers = self._heard = 0

    def grow(self, watchers):
        """Have so many."""
        paths = [self._path] * (watchers - self._watchers)
        self._crowd("open", paths, hearing=self._hears)
        self._watchers = watchers
        self.server.settle()
        self._heard = self._crowd("count")

    def delivery(self, deliveries):
        """Microseconds of CPU for one of about so many."""
        events = deliveries // self._watchers
        cpu = self.server.cpu
        for _ in range(events):
            self._tell()
            self._heard += self._watchers
            self._crowd("wait", self._heard)
        return (self.server.cpu - cpu) / events / self._watchers * 1e6


@contextmanager
def sides(kind, url):
    """All that is compared on this server, by name."""
    with ExitStack() as stack:

        def side(path, site, *, tell=None, hears=False):
            server, module = ELSEWHERE.get(site, (None, SITE))
            python = sys.executable if module == SITE else celery_progress.found()
            running, crowd = crowded(stack, server or kind, url, site, site=module, python=python)
            return Side(running, crowd, path, tell or partial(crowd, "say", text()), hears=hears)

        tasks = stack.enter_context(Child(Tasks, url, {"interval": 0.01}))
        [token] = tasks("begin", [TASK])
        layer = stack.enter_context(Child(Layer, url))
        news = {"type": "update_task_progress", "data": {"state": "PROGRESS", "progress": text()}}
        own, theirs = f"/{TASK}/?token={token}", f"/ws/progress/{TASK}/"
        found = {
            "floor": side("/", "floor"),
            "channels-progress": side(own, "ours", tell=partial(tasks, "tell"), hears=True),
            "celery-progress": side(theirs, "celery", tell=partial(layer, "tell", TASK, news)),
        }
        if kind == "uvicorn":
            found["websockets.broadcast"] = side("/", "broadcast")
        yield found


def compared(kind, url):
    """By count and name the median cost, and times the floor: each side in its turn."""
    found = {}
    with sides(kind, url) as all_sides:
        for count in COUNTS:
            taking_part = {n: each for n, each in all_sides.items() if count in WATCHERS[n]}
            for each in taking_part.values():
                each.grow(count)
            rounds = [
                {n: s.delivery(DELIVERIES_OF.get(n, DELIVERIES)) for n, s in taking_part.items()}
                for _ in range(ROUNDS)
            ]
            costs, times = medians(rounds), ratios(rounds)
            found |= {(count, name): (costs[name], times[name]) for name in costs}
    return found


def measured():
    """Floor and peers are in the same run, on the same core."""
    prepare()
    table = Table(
        3,
        "CPU of a web process for one delivery, of one task's events to all who watch it",
        ["server", "watchers", "", "µs", "times the floor"],
        f"Medians of {ROUNDS} interleaved rounds on open sockets. The floor is an ASGI application "
        "that sends one ready text\nto all sockets in turn when one of them says so.",
    )
    with redis_server() as redis:
        for kind in ("daphne", "uvicorn"):
            found = compared(kind, f"{redis.connection_url}/0")
            table.rows += [[kind, *of, *figures] for of, figures in found.items()]
            own = {count: found[count, "channels-progress"][1] for count in COUNTS}
            for count, ratio in own.items():
                what = f"CPU a delivery, {kind}, {count:,} watchers, times the floor"
                table.targets.append(Target(what, ratio, MOST))
            growth = own[COUNTS[-1]] / min(own.values())
            what = f"growth of that from fewer to {COUNTS[-1]:,} watchers, {kind}"
            table.targets.append(Target(what, growth, FLAT))
    return table
