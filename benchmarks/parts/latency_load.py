"""Load by other tasks and their watchers: `python -m benchmarks.parts.latency_load ours|raw port`.

Prints a line when all watchers are there. Each number on its standard input is the rate from now
on, in events a second, of random tasks at random times. The answer to it is a line with the number
of events since the last one.
"""

import asyncio
import os
import random
import sys
import time

from redis.asyncio import Redis

from benchmarks.parts.latency_task import event
from benchmarks.parts.sockets import connect

TASKS, WATCHERS = 32, 64  # of each
SECRET = os.environ["BENCH_SECRET"]


def ours():
    """Addresses of tasks, and a function that sends an event by the publisher's own delivery."""
    from progress import configure, make_token
    from progress.reporting.delivery import Delivery
    from progress.reporting.runs import Run
    from progress.store import open_store

    configure(redis_url=os.environ["BENCH_REDIS"], secret=SECRET)
    delivery, runs = Delivery(open_store(), refused=lambda _: None), {}

    async def tell(task_id, number):
        run = runs.setdefault(task_id, Run(task_id))
        delivery.offer(run, event(task_id, number, "Importing", run.number))
        await delivery.step()

    return lambda task_id: f"/{task_id}/?token={make_token(task_id)}", tell


def raw():
    """The same for the raw application."""
    redis = Redis.from_url(os.environ["BENCH_REDIS"])

    async def tell(task_id, number):
        await redis.publish(f"/{task_id}", event(task_id, number, "Importing", run=1).text())

    return lambda task_id: f"/{task_id}", tell


async def main(port, path, tell):
    """Watch, and send events at the given rate."""
    tasks = [f"load-{number}" for number in range(TASKS)]
    for number, task_id in enumerate(tasks):
        await tell(task_id, number)
        await connect(port, path(task_id), WATCHERS)
    print(flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    rate, number, answered = 0.0, 0, 0
    command = asyncio.create_task(commands.readline())
    due = time.monotonic()
    while True:
        if rate:
            due = max(due, time.monotonic() - 0.1) + random.expovariate(rate)
            await asyncio.sleep(max(0, due - time.monotonic()))
            number += 1
            await tell(random.choice(tasks), number)
        if command.done() or not rate:
            if not (line := await command):
                return
            print(number - answered, flush=True)
            rate, due, answered = float(line), time.monotonic(), number
            command = asyncio.create_task(commands.readline())


if __name__ == "__main__":
    kind, port = sys.argv[1:]
    asyncio.run(main(int(port), *{"ours": ours, "raw": raw}[kind]()))
