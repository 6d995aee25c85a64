"""Runs tasks and watchers with faults for half an hour: nothing leaks, no outcome is missed.

There are two Daphnes, a prefork and a threads worker, a Redis server for the store, and one without
faults for the broker. After a warm-up that uses everything once, and again at the end, all watchers
leave, the store's keys expire, and what is left is counted. In between the store is killed and
starts again empty, or its pub/sub connections are cut. The exit code is 0 when every row of the
table holds, else 1.
"""

import argparse
import asyncio
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from celery import Celery

from tests.soak import table
from tests.soak.census import Census, cpu_seconds
from tests.soak.churn import RETENTION, Churn
from tests.support.parts import Server, Web, Worker, settings

WARM_UP = 40  # seconds
SAMPLE = 10  # seconds between two counts
AWAY = 3  # seconds without the store in fault F1
CUTS, CUT_EVERY = 5, 0.3  # cuts in fault F4, and seconds between them
FAULT_EVERY = 5  # minutes between two faults of a kind on average; each comes at least once
WRONGS = ("unfinished tasks", "short", "late", "wrong frames", "reconnects")


class SoakWeb(Web):
    """A web server with an address that counts what its process holds."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._command[-1] = "tests.soak.asgi:application"


class Soak:
    """The parts of the site and their faults."""

    def __init__(self, stack, folder, chance):
        self._random = chance
        self.store = stack.enter_context(Server(folder))
        self.broker = stack.enter_context(Server(folder))
        env = {
            "TEST_REDIS_URL": self.store.url(),
            **settings(RETENTION=RETENTION, FIRST_FRAME=600),
        }
        broker = self.broker.url()
        names = ("web 1", "web 2")
        for_web = {**env, "TEST_BROKER_URL": broker}
        webs = {name: SoakWeb(folder, env=for_web, name=name.replace(" ", "-")) for name in names}
        workers = {
            pool: Worker(folder, broker=broker, env=env, pool=pool, options=options, name=pool)
            for pool, options in {"prefork": ("-c", "4"), "threads": ("-c", "8")}.items()
        }
        self.parts = [*webs.values(), *workers.values()]
        for part in self.parts:
            stack.enter_context(part)
        self._celery = stack.enter_context(Celery(broker=broker, set_as_current=False))
        client = stack.enter_context(self.broker.client())
        self.churn = Churn(chance, self._celery, client, list(webs.values()))
        servers = {"store": self.store, "broker": self.broker}
        self.census = Census(webs=webs, workers=workers, servers=servers)
        self.samples = []  # (seconds, measures)
        self.present = []
        self.faults = 0
        self._undisturbed = asyncio.Lock()

    async def kill_store(self):
        """Kill the store and start it again empty: fault F1."""
        async with self._undisturbed:
            killed_at = time.time()
            self.churn.outages.append((killed_at, killed_at + AWAY + 1))
            self.store.kill()
            await asyncio.sleep(AWAY)
            await asyncio.to_thread(self.store.start)
            self.churn.outages[-1] = (killed_at, time.time())
            self.faults += 1

    async def cut(self):
        """Cut the pub/sub connections several times: fault F4."""
        async with self._undisturbed:
            for _ in range(CUTS):
                with self.store.client() as client:
                    client.client_kill_filter(_type="pubsub")
                await asyncio.sleep(CUT_EVERY)
            self.faults += 1

    async def disturb(self, seconds):
        """Cause each fault at a random moment of each share of the time."""
        times = max(1, round(seconds / 60 / FAULT_EVERY))
        share = seconds / times
        moments = [
            (share * (number + self._random.uniform(0.1, 0.9)), fault)
            for number in range(times)
            for fault in (self.kill_store, self.cut)
        ]
        began = time.monotonic()
        for moment, fault in sorted(moments, key=lambda each: each[0]):
            await asyncio.sleep(max(0, began + moment - time.monotonic()))
            await fault()

    async def count(self):
        """Count, but not during a fault."""
        async with self._undisturbed:
            return await asyncio.to_thread(self.census.take)

    async def sample(self):
        began = time.monotonic()
        while True:
            self.samples.append((time.monotonic() - began, await self.count()))
            self.present.append(self.churn.present)
            await asyncio.sleep(SAMPLE)

    async def settled(self):
        """Count what is left when all watchers are gone and the store's keys have expired."""
        await asyncio.sleep(RETENTION + 5)
        return await self.count()

    def cpu_seconds(self):
        return cpu_seconds([*self.parts, self.broker]) + time.process_time()

    async def run(self, seconds):
        """Run the churn; return the counts before and after."""
        await self.warm_up()
        baseline = await self.settled()
        self.before = dict(self.census.inside)
        say(f"Warm. {seconds / 60:g} minutes of churn begin")
        began, used = time.monotonic(), self.cpu_seconds()
        await self.soak(seconds)
        self.cores = (self.cpu_seconds() - used) / (time.monotonic() - began)
        say("All are gone; what they leave behind is counted when the keys have expired")
        return baseline, await self.settled()

    async def warm_up(self):
        self.churn.burst()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.churn.run(WARM_UP))
            await self.disturb(WARM_UP / 2)
            self.churn.burst()  # opens the connections again that the faults have closed

    async def soak(self, seconds):
        async with asyncio.TaskGroup() as group:
            sampling = group.create_task(self.sample())
            group.create_task(self.disturb(seconds))
            await self.churn.run(seconds)
            sampling.cancel()


def report(soak, baseline, end, minutes):
    """Print the table; return whether every row holds."""
    tally = soak.churn.tally
    rows = table.counted(baseline, soak.samples, end, tally["tasks"])
    rows += table.memory(soak.samples, minutes)
    rows += [table.Row(what, 0, tally[what], tally[what], 0) for what in WRONGS]
    rows.append(table.cut(tally["cut"], tally["outcomes"]))
    say(table.HEAD, *(row.line() for row in rows))
    holds = all(row.holds for row in rows)
    if not holds:
        for name, inside in soak.census.inside.items():
            say(f"{name} has more of: {', '.join(table.grown(soak.before[name], inside))}")
    say(*soak.churn.notes)
    say(
        f"{tally['tasks']} tasks, {tally['outcomes']} outcomes seen "
        f"({tally['outcomes after an outage']} due only when the store was back), "
        f"{tally['left']} left before; the slowest outcome came {soak.churn.slowest:.1f} s after "
        f"it was due; {sum(soak.present) / len(soak.present):.0f} watchers at a time, "
        f"{soak.faults} faults, {soak.cores:.2f} cores"
    )
    return holds


def say(*lines):
    print(*lines, sep="\n", flush=True)  # noqa: T201


async def run(folder, minutes, chance):
    with ExitStack() as stack:
        soak = Soak(stack, folder, chance)
        return report(soak, *await soak.run(minutes * 60), minutes)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of churn, besides 3 around it")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of all chance")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the parts, too
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    say(f"Soak of {options.minutes:g} minutes, --seed {options.seed}, logs in {folder}")
    holds = False
    try:
        holds = asyncio.run(run(folder, options.minutes, random.Random(options.seed)))
    finally:
        if holds:
            shutil.rmtree(folder)
        say("The soak holds" if holds else f"The soak does not hold: --seed {options.seed}")
    return 0 if holds else 1


sys.exit(main())
