"""What several web processes and Redis servers cost, beside the model of docs/scaling.md.

    python -m benchmarks.tables.scaling [daphne | uvicorn]

Costs are measured with one web process, of loads that are nothing but events, or nothing but
deliveries; then another load is put on 1, 2 and 4 web processes, and on a layer of one server, of
two, and on the store's own. All web processes share a core: their CPU is compared, not how soon
they are done.
"""

import os
import statistics
import sys
import time
from contextlib import ExitStack
from typing import NamedTuple

import redis

from benchmarks.parts.children import Child
from benchmarks.parts.crowd import Crowd
from benchmarks.parts.machine import prepare, redis_server, served
from benchmarks.parts.tellers import LOOKS, SECRET, Tasks

SITE = "benchmarks.parts.scaling_site:application"
WARM = 2.5  # seconds until each task was looked at twice
SECONDS = 3.0
ROUNDS = 2
#: Web processes, and servers that are the layer's alone: with none it is on the store's.
SHAPES = [(1, 1), (2, 1), (4, 1), (4, 2), (1, 0), (4, 0)]
IDLE = 9.0  # seconds of quiet, two looks at the store
PERIOD = 0.2  # seconds between two events of a task


class Load(NamedTuple):
    """Tasks, each with so many watchers, spread over the web processes in turn."""

    tasks: int
    watchers: int


EVENTS, DELIVERIES = Load(50, 1), Load(20, 60)  # mostly the one, mostly the other
CHECKED = Load(40, 8)
#: Each event is sent alone, as by workers that run one task a process; together they cost less.
assert max(load.tasks for load in (EVENTS, DELIVERIES, CHECKED)) <= LOOKS


class Cost(NamedTuple):
    """CPU microseconds, by what they are spent on; ``quiet`` is a second of a web process."""

    quiet: float
    event: float
    delivery: float
    store: float
    layer: float
    subscriber: float


class Seen(NamedTuple):
    """What a run took, each a second."""

    cpu: list[float]  # microseconds: all web processes, store, layer
    servers: list[float]  # the same of each server of the layer
    quiet: float  # the same of a web process, before there were events
    events: float
    received: float  # events, by all web processes
    delivered: float  # by all web processes


def spread():
    """Have the layer on the servers whose URLs BENCH_LAYER has, before anything uses it."""
    from django.conf import settings

    from progress.layers import redis_layer

    settings.CHANNEL_LAYERS = {"default": redis_layer(*os.environ["BENCH_LAYER"].split())}


class Spread(Tasks):
    """Tasks whose events go through the layer's own servers."""

    def __init__(self, url):
        super().__init__(url, {})
        spread()


class Machine:
    """Servers of a run: store, layer, web processes, and a crowd at each of these."""

    def __init__(self, stack, kind, webs, layers):
        self.redis = [stack.enter_context(redis_server()) for _ in range(1 + layers)]
        urls = [f"{each.connection_url}/0" for each in self.redis]
        env = {"BENCH_REDIS": urls[0], "BENCH_SECRET": SECRET, "BENCH_SITE": "ours"}
        env["BENCH_LAYER"] = os.environ["BENCH_LAYER"] = " ".join(
            urls[1:] or urls
        )  # the child's too
        self.tasks = stack.enter_context(Child(Spread, urls[0]))
        self.webs = [stack.enter_context(served(kind, env, SITE)) for _ in range(webs)]
        self.crowds = [stack.enter_context(Child(Crowd, web.port)) for web in self.webs]

    def watch(self, load):
        """Have all watchers there; how many tasks each web process has."""
        names = [f"task-{number}" for number in range(load.tasks)]
        tokens = self.tasks("begin", names)
        paths = [f"/{name}/?token={token}" for name, token in zip(names, tokens, strict=True)]
        each = [path for path in paths for _ in range(load.watchers)]
        shares = [each[at :: len(self.webs)] for at in range(len(self.webs))]
        for crowd, share in zip(self.crowds, shares, strict=True):
            crowd("open", share, hearing=True)
        return [len(set(share)) for share in shares]

    def count(self):
        """Until now: CPU µs of web processes and of Redis servers, events, deliveries."""
        told = [used(each) for each in self.redis]
        return (
            [web.cpu * 1e6 for web in self.webs],
            [(each["used_cpu_user"] + each["used_cpu_sys"]) * 1e6 for each in told],
            [each.get("cmdstat_publish", {"calls": 0})["calls"] for each in told],
            [crowd("count") for crowd in self.crowds],
        )


def used(server):
    """What a Redis server says of itself."""
    with redis.Redis.from_url(server.connection_url) as client:
        return client.info("everything")


def seen(kind, load, *, webs=1, layers=1, quiet=0.0):
    """A run."""
    with ExitStack() as stack:
        machine = Machine(stack, kind, webs, layers)
        tasks = machine.watch(load)
        time.sleep(WARM)
        rest = during(machine, quiet)[0][0] if quiet else 0.0
        machine.tasks.start("stream", SECONDS + 2, PERIOD)
        time.sleep(1)
        cpu, servers, published, delivered = during(machine, SECONDS)
        machine.tasks.result("stream")
    return Seen(
        [sum(cpu), servers[0], sum(servers[1:])],
        servers[1:],
        rest,
        sum(published),
        sum(published) * sum(tasks) / load.tasks,
        sum(delivered),
    )


def during(machine, seconds):
    """What ``count`` grows by in that time, a second."""
    before, began = machine.count(), time.monotonic()
    time.sleep(seconds)
    after, took = machine.count(), time.monotonic() - began
    return [
        [(b - a) / took for a, b in zip(*each, strict=True)]
        for each in zip(before, after, strict=True)
    ]


def costs(kind):
    """What events and deliveries cost a web process, and events Redis."""
    alone = seen(kind, EVENTS, webs=0)
    many, thick = seen(kind, EVENTS, quiet=IDLE), seen(kind, DELIVERIES)
    event, delivery = solved(
        [(each.received, each.delivered, each.cpu[0] - many.quiet) for each in (many, thick)]
    )
    store, layer = [each / alone.events for each in alone.cpu[1:]]
    subscriber = many.cpu[2] / many.events - layer
    return Cost(many.quiet, event, delivery, store, layer, subscriber)


def solved(rows):
    """x and y, where a * x + b * y = c in both rows."""
    (a, b, c), (d, e, f) = rows
    x = (c * e - b * f) / (a * e - b * d)
    return x, (c - a * x) / b


def expected(cost, webs, run):
    """CPU microseconds a second that the model gives: web processes, store, layer.

    Where the layer is on the store's server, the store's is what the two would take.
    """
    web = cost.quiet * webs + cost.event * run.received + cost.delivery * run.delivered
    store = cost.store * run.events
    layer = cost.layer * run.events + cost.subscriber * run.received
    return [web, store, layer] if run.servers else [web, store + layer]


def median(values):
    """Of tuples, the median of each place; of lists in them too."""
    first = values[0]
    if isinstance(first, float | int):
        return statistics.median(values)
    parts = [median(each) for each in zip(*values, strict=True)]
    return parts if isinstance(first, list) else type(first)(*parts)


def main():
    """The costs, then the runs beside the model."""
    prepare()
    kind = sys.argv[1] if len(sys.argv) > 1 else "daphne"
    found, runs = [], {shape: [] for shape in SHAPES}
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
        found.append(costs(kind))
        for (webs, layers), seen_there in runs.items():
            seen_there.append(seen(kind, CHECKED, webs=webs, layers=layers))
    cost = median(found)
    print(f"{kind}, medians of {ROUNDS} rounds, CPU in µs:")
    for name, value in cost._asdict().items():
        rounds = ", ".join(f"{getattr(each, name):,.1f}" for each in found)
        print(f"  {name.replace('_', ' '):18}{value:10,.1f}   ({rounds})")
    print("\nCPU ms a second, measured, expected, difference: web processes; store; layer")
    for (webs, layers), rounds in runs.items():
        run = median(rounds)
        pairs = zip(run.cpu, expected(cost, webs, run), strict=False)
        shown = "".join(f"{a / 1e3:8.1f}{b / 1e3:8.1f} {a / b - 1:+5.0%}" for a, b in pairs)
        each = ", ".join(f"{server / 1e3:.1f}" for server in run.servers)
        print(f"{webs} web, {layers} layer {shown}   each of the layer: {each}")
        rest = f"{run.received:.0f} received, {run.delivered:.0f} delivered a second"
        print(f"    {run.events:.0f} events, {rest}", flush=True)


if __name__ == "__main__":
    main()
