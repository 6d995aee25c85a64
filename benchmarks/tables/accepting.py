"""Table 6: the cost of accepting a watcher, and the time until 5,000 have reconnected."""

from contextlib import ExitStack

from benchmarks.parts.children import Child
from benchmarks.parts.crowd import crowded
from benchmarks.parts.machine import prepare, redis_server
from benchmarks.parts.tellers import Tasks
from benchmarks.report import Table, Target, medians, ratios

TASK = "benchmark-0000"
STEP = 1_000  # sockets that each opens in its turn
SOCKETS = 5_000
STEPS = SOCKETS // STEP - 1  # after the first
STORMS = 2
MOST = 1.5


class Side:
    """A server with its sockets."""

    def __init__(self, server, crowd, *, hears, path, mark=""):
        self._server, self._crowd = server, crowd
        self._path, self._how = path, {"hearing": hears, "mark": mark}
        self.load = 0.0  # of the crowd's core, at the busiest

    def accept(self):
        """Microseconds of CPU, and sockets a second."""
        cpu = self._server.cpu
        seconds = self._crowd("open", [self._path] * STEP, **self._how)
        cost = (self._server.cpu - cpu) / STEP * 1e6
        self._server.settle()
        return cost, STEP / seconds

    def storm(self):
        """Cut all sockets; return the seconds until all are back with the present state."""
        cpu = self._crowd.cpu
        seconds = self._crowd("reopen", [self._path] * SOCKETS, **self._how)
        self.load = max(self.load, (self._crowd.cpu - cpu) / seconds)
        self._server.settle()
        return seconds


def figures(kind, url, path, mark):
    """By name: µs a watcher, and times the floor; a second; a storm in seconds, and times; load."""
    with ExitStack() as stack:

        def side(site, **how):
            return Side(*crowded(stack, kind, url, site), **how)

        sides = {
            "floor": side("floor", path="/", hears=False),
            "channels-progress": side("ours", path=path, hears=True, mark=mark),
        }
        for side in sides.values():
            side.accept()  # what the first ones load
        accepted = [{n: each.accept() for n, each in sides.items()} for _ in range(STEPS)]
        storms = [{n: each.storm() for n, each in sides.items()} for _ in range(STORMS)]
        costs = [{n: cost for n, (cost, _) in each.items()} for each in accepted]
        rates = [{n: rate for n, (_, rate) in each.items()} for each in accepted]
        columns = medians(costs), ratios(costs), medians(rates), medians(storms), ratios(storms)
        return {n: [*(each[n] for each in columns), sides[n].load] for n in sides}


def measured():
    """Floor and ours are open at once, on the same core, and each has its turn."""
    prepare()
    table = Table(
        6,
        f"Accepting watchers, and a storm: {SOCKETS:,} sockets are cut at once, and come back",
        ["server", "", "µs a watcher", "times", "watchers a second", "storm, s", "times", "load"],
        "The floor accepts; ours checks a token and sends the present state, which each socket has "
        "to have. Of CPU, medians\nof interleaved thousands. Load: how much of its core the other "
        "side of the sockets needed in a storm, at most.",
    )
    with redis_server() as redis, Child(Tasks, url := f"{redis.connection_url}/0", {}) as tasks:
        [token] = tasks("begin", [TASK])
        tasks("tell")
        for kind in ("daphne", "uvicorn"):
            found = figures(kind, url, f"/{TASK}/?token={token}", '"current":1,')
            table.rows += [[kind, name, *row] for name, row in found.items()]
            _, accepting, _, _, storm, _ = found["channels-progress"]
            table.targets += [
                Target(f"CPU to accept a watcher, {kind}, times the floor", accepting, MOST),
                Target(f"a storm, {kind}, times the floor", storm, MOST),
            ]
    return table
