"""Table 9: what watchers of quiet tasks cost a web process."""

import http.client
import time
from contextlib import ExitStack

from benchmarks.parts.children import Child
from benchmarks.parts.crowd import crowded
from benchmarks.parts.machine import prepare, redis_server, served
from benchmarks.parts.tellers import Tasks
from benchmarks.peers import celery_progress
from benchmarks.report import Table, Target

WATCHERS = 5_000
NAMES = [f"benchmark-{number:04}" for number in range(WATCHERS)]
SERVERS = ("daphne", "uvicorn")
SETTLE = 5.0
SECONDS = 44.0  # two pings of Daphne, one each 22 s; and nine looks at the store
POLLS = 300
WARM = 30  # polls before that
POLL_AFTER = 0.5  # seconds, of each of celery-progress's pages
MOST = 1.3
FLOOR = "a server that only pings"
ONE, MANY = (f"channels-progress, {WATCHERS:,} watchers of {n}" for n in ("one task", "as many"))
POLLING = f"celery-progress, {WATCHERS:,} pages that poll, extrapolated"


def opened(stack, kind, site, url, paths):
    """A server that has them all."""
    running, crowd = crowded(stack, kind, url, site)
    crowd("open", paths, hearing=site == "ours")
    return running


def shares(url):
    """Per cent of a core by server and name, of all that is open at the same time."""
    with ExitStack() as stack:
        tasks = stack.enter_context(Child(Tasks, url, {}))
        tokens = tasks("begin", NAMES)
        addresses = [f"/{n}/?token={t}" for n, t in zip(NAMES, tokens, strict=True)]
        running = {}
        for kind in SERVERS:
            running[kind, FLOOR] = opened(stack, kind, "pings", url, ["/"] * WATCHERS)
            running[kind, ONE] = opened(stack, kind, "ours", url, addresses[:1] * WATCHERS)
            running[kind, MANY] = opened(stack, kind, "ours", url, addresses)
        time.sleep(SETTLE)
        before, began = {each: server.cpu for each, server in running.items()}, time.monotonic()
        time.sleep(SECONDS)
        passed = time.monotonic() - began
        return {each: (running[each].cpu - before[each]) / passed * 100 for each in running}


def poll(kind, url):
    """CPU seconds for one answer of celery-progress's view, over one connection."""
    env = {"BENCH_REDIS": url}
    with served(kind, env, "benchmarks.peers.sites:application", celery_progress.found()) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

        def ask():
            connection.request("GET", "/benchmark/")
            answer = connection.getresponse()
            if answer.status != 200 or b"PROGRESS" not in answer.read():
                raise SystemExit(f"celery-progress's view answers {answer.status}")

        for _ in range(WARM):
            ask()
        before = server.cpu
        for _ in range(POLLS):
            ask()
        connection.close()
        return (server.cpu - before) / POLLS


def measured():
    """All are open at once, and are looked at over the same seconds."""
    prepare()
    table = Table(
        9,
        f"CPU of a web process with {WATCHERS:,} watchers of running tasks that report nothing",
        ["server", "", "% of a core", "times the floor"],
        f"Over {SECONDS:.0f} s with pings, looks at the store, probes of the layer and\n"
        "rights asked for again; all open at once. The floor sends each socket a ping every "
        "20 s, as ours does. A page of celery-progress polls every "
        f"{POLL_AFTER} s; the CPU of a poll is measured, one after the other on one connection.",
    )
    with redis_server() as redis:
        url = f"{redis.connection_url}/0"
        found = shares(url)
        for kind in SERVERS:
            found[kind, POLLING] = poll(kind, url) * WATCHERS / POLL_AFTER * 100
    for kind in SERVERS:
        for name in (FLOOR, ONE, MANY, POLLING):
            table.rows.append([kind, name, found[kind, name], times(found, kind, name)])
        for name in (ONE, MANY):
            what = f"CPU of quiet watchers, {kind}, {name}, times the floor"
            table.targets.append(Target(what, times(found, kind, name), MOST))
    return table


def times(found, kind, name):
    """How many times the floor of this run."""
    return found[kind, name] / found[kind, FLOOR]
