"""Table 8: Redis commands for an event as calls, watchers and web processes grow."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack

from redis import Redis
from websockets.asyncio.client import connect

from benchmarks.parts.children import Child
from benchmarks.parts.machine import prepare, redis_server, served
from benchmarks.parts.tellers import SECRET, running
from benchmarks.peers.celery_progress import TASK, Peer, found
from benchmarks.report import Table, Target

SECONDS = 4.5  # of reports, and as many of silence: a web process' looks are as far apart
SETTLED = 1.5  # seconds until a web process has looked at the store twice
WITHIN = 20  # seconds for all frames of a measurement
WATCHERS = [1, 10, 100]
GROWING = {"calls": [20, 1000, 50_000], "watchers": WATCHERS, "webs": [1, 2, 4]}
USUAL = {"calls": 1000, "watchers": 10, "webs": 1}
POLLS = 2  # a second, of a page of celery-progress
PEER_CALLS = 30
FLAT = 1.1
AT_ONCE = 3  # cases side by side
OURS = {"BENCH_SITE": "ours", "BENCH_SECRET": SECRET}
PEERS = "--factory benchmarks.peers.celery_progress:application"
NOTE = (
    "INFO commandstats, commands within scripts too. From those during the reports are taken what "
    f"the same parts did in {SECONDS} s of silence, the column 'periodic': a run's signs of life, "
    "and each web process' probe of the layer and look at the store, whatever the number of "
    "watchers. Watchers are those of one task, in each web process. An event of ours is what "
    "watchers are sent, ten a second at most. celery-progress has one for each call: its commands "
    f"are reckoned from those of a call and of a poll, with {POLLS} polls a second and watcher."
)


class Reporter:
    """A task that runs, without a worker. For a ``Child``."""

    def __init__(self, url):
        from progress import ProgressRecorder, configure

        configure(redis_url=url, secret=SECRET)
        self._recorder = ProgressRecorder(running(TASK))

    def token(self):
        """What opens the task's websocket."""
        from progress import make_token
        from progress.reporting.current import flush

        flush(10)
        return make_token(TASK)

    def report(self, rate):
        """So many calls a second, or as many as it can; how many there were."""
        pause, calls, began = 1 / rate, 0, time.monotonic()
        while (passed := time.monotonic() - began) < SECONDS:
            self._recorder.set_progress(calls, 10**9)
            calls += 1
            time.sleep(max(0.0, calls * pause - passed))
        return calls


def measured():
    """Table 8."""
    prepare()
    cases = {
        (name, value): tuple({**USUAL, name: value}.items())
        for name, values in GROWING.items()
        for value in values
    }
    # Side by side, each on a server of its own: commands are counted, and no case disturbs another.
    with ThreadPoolExecutor(AT_ONCE) as threads:
        peer = threads.submit(with_server, theirs)
        counting = {
            case: threads.submit(with_server, ours, **dict(case)) for case in set(cases.values())
        }
    counted = {case: each.result() for case, each in counting.items()}
    return table({key: counted[case] for key, case in cases.items()}, peer.result())


def with_server(measure, **case):
    """What the coroutine finds with a Redis server of its own."""
    with redis_server() as server:
        return asyncio.run(measure(f"{server.connection_url}/0", **case))


def commands(url):
    """Commands until now."""
    with Redis.from_url(url) as client:
        stats = client.info("commandstats")
    return sum(each["calls"] for name, each in stats.items() if name != "cmdstat_info")


async def ours(url, calls, watchers, webs):
    """Commands for an event and commands a second of silence, and events and calls a second."""
    with Child(Reporter, url) as task, ExitStack() as servers:
        token = await asyncio.to_thread(task, "token")
        each = {**OURS, "BENCH_REDIS": url}
        sites = [servers.enter_context(served("uvicorn", each)) for _ in range(webs)]
        paths = [f"ws://127.0.0.1:{site.port}/{TASK}/?token={token}" for site in sites]
        async with watching(paths * watchers) as frames:
            await asyncio.sleep(SETTLED)
            silent = commands(url)
            await asyncio.sleep(SECONDS)
            silent = commands(url) - silent
            before, seen = commands(url), frames.count
            made = await asyncio.to_thread(task, "report", calls)
            await frames.rest()
            events = (frames.count - seen) / len(paths * watchers)
            used = commands(url) - before - silent
    return {
        "calls": made / SECONDS,
        "events": events / SECONDS,
        "event": used / events,
        "periodic": silent / SECONDS,
    }


class watching:  # noqa: N801 - a context, used as one
    """Sockets that count their frames."""

    def __init__(self, addresses):
        self._addresses = addresses
        self.count = 0

    async def __aenter__(self):
        self._open = AsyncExitStack()
        for address in self._addresses:
            socket = await self._open.enter_async_context(connect(address, open_timeout=WITHIN))
            self._open.push_async_callback(self._end, asyncio.create_task(self._read(socket)))
        return self

    async def __aexit__(self, *error):
        await self._open.aclose()

    async def rest(self):
        """Wait until no frame comes any more."""
        deadline, count = time.monotonic() + WITHIN, -1
        while count != self.count:
            if time.monotonic() > deadline:
                raise SystemExit(f"frames came for {WITHIN} s after the last report")
            count = self.count
            await asyncio.sleep(0.3)

    async def _read(self, socket):
        async for _ in socket:
            self.count += 1

    async def _end(self, reading):
        reading.cancel()
        await asyncio.wait([reading])


async def theirs(url):
    """Commands of celery-progress' calls and of a poll, by watchers where they matter."""
    with Peer(url) as peer:
        each = {name: await told(url, peer, name) for name in ("polling", "asked")}
        for watchers in WATCHERS:
            env = {"BENCH_REDIS": url}
            with served("uvicorn", env, site=PEERS, python=found()) as site:
                path = f"ws://127.0.0.1:{site.port}/ws/progress/{TASK}/"
                async with watching([path] * watchers) as frames:
                    each[watchers] = await told(url, peer, "websocket", frames)
    return each


async def told(url, peer, name, frames=None):
    """Commands of one call."""
    await asyncio.to_thread(peer.seconds, name, 3)  # opens what stays open
    before = commands(url)
    await asyncio.to_thread(peer.seconds, name, PEER_CALLS)
    if frames is not None:
        await frames.rest()
    return (commands(url) - before) / PEER_CALLS


def table(rows, peer):
    """The table of these."""
    columns = ["", "", "calls/s", "events/s", "commands/event", "commands/s", "periodic/s"]
    shown = []
    for (name, value), each in rows.items():
        watchers = value if name == "watchers" else USUAL["watchers"]
        webs = value if name == "webs" else USUAL["webs"]
        polling = each["calls"] * peer["polling"] + POLLS * watchers * webs * peer["asked"]
        row = [name, value, each["calls"], each["events"], each["event"]]
        pushed = each["calls"] * peer[watchers] if webs == 1 else "-"
        shown.append([*row, each["event"] * each["events"], each["periodic"], polling, pushed])
    columns += ["celery-progress: polling/s", "websocket/s"]
    targets = [
        Target(f"commands an event, most / least, {words}", spread(rows, name), FLAT)
        for name, words in (
            ("calls", "as calls grow"),
            ("watchers", "as watchers grow"),
            ("webs", "as web processes grow"),
        )
    ]
    return Table(8, "Redis commands for an event", columns, NOTE, shown, targets)


def spread(rows, name):
    """How many times the least is the most."""
    values = [each["event"] for (varied, _), each in rows.items() if varied == name]
    return max(values) / min(values)
