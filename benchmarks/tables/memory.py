"""Table 5: how much memory of a web process a watcher takes."""

import time
from contextlib import ExitStack

from benchmarks.parts.children import Child
from benchmarks.parts.crowd import crowded
from benchmarks.parts.machine import prepare, redis_server
from benchmarks.parts.tellers import Tasks, text
from benchmarks.report import Table, Target, medians

TASK = "benchmark-0000"
FIRST = 20  # watchers that are there before the first look: what they load stays
WATCHERS = 2_000
EVENTS = 5
QUIET = 2.0  # seconds until what is new was looked at twice
ROUNDS = 2
MOST = 1.25
SITES = {"floor": "floor", "channels-progress": "ours"}


class Side:
    """A fresh server with its sockets."""

    def __init__(self, stack, kind, url, site, path):
        self._server, self._crowd = crowded(stack, kind, url, site)
        self._site, self._path = site, path

    def open(self, count):
        """So many more."""
        self._crowd("open", [self._path] * count, hearing=self._site == "ours")

    def hear(self, tell):
        """An event for each."""
        heard = self._crowd("count")
        if self._site == "ours":
            tell()
        else:
            self._crowd("say", text())
        self._crowd("wait", heard + FIRST + WATCHERS)

    @property
    def memory(self):
        """Bytes of the server."""
        return self._server.memory


def grown(kind, url, tasks, path):
    """Bytes a watcher, by name and whether it is idle: fresh processes of both, side by side."""
    with ExitStack() as stack:
        paths = {"floor": "/", "ours": path}
        sides = {name: Side(stack, kind, url, site, paths[site]) for name, site in SITES.items()}
        for side in sides.values():
            side.open(FIRST)
        time.sleep(QUIET)
        before = {name: side.memory for name, side in sides.items()}
        for side in sides.values():
            side.open(WATCHERS)
        time.sleep(QUIET)
        idle = {name: side.memory for name, side in sides.items()}
        for side in sides.values():
            for _ in range(EVENTS):
                side.hear(lambda: tasks("tell"))
        live = {name: side.memory for name, side in sides.items()}
    return {
        (when, name): (after[name] - before[name]) / WATCHERS
        for when, after in (("idle", idle), ("live", live))
        for name in sides
    }


def measured():
    """Fresh processes in each round, floor and ours at the same time."""
    prepare()
    table = Table(
        5,
        f"Memory of a web process for one watcher of {WATCHERS:,}",
        ["server", "", "", "KB", "times the floor"],
        f"Medians of {ROUNDS} rounds with fresh processes, after a collection of garbage.\n"
        f"Idle: the present state was sent; live: {EVENTS} events more.",
    )
    with redis_server() as redis, Child(Tasks, url := f"{redis.connection_url}/0", {}) as tasks:
        [token] = tasks("begin", [TASK])
        path = f"/{TASK}/?token={token}"
        for kind in ("daphne", "uvicorn"):
            bytes_each = medians([grown(kind, url, tasks, path) for _ in range(ROUNDS)])
            for (when, name), size in bytes_each.items():
                ratio = size / bytes_each[when, "floor"]
                table.rows.append([kind, when, name, size / 1024, ratio])
                if name != "floor":
                    what = f"memory a watcher, {kind}, {when}, times the floor"
                    table.targets.append(Target(what, ratio, MOST))
    return table
