"""Table 2: what reporting costs a busy task, and what the app costs tasks that never report."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from celery import Celery
from redis import Redis

from benchmarks.parts.machine import OTHERS, ROOT, cpu_of, redis_server
from benchmarks.report import Table, Target, medians

STEPS = 5_000  # about a third of a second of them
WARM = 50  # tasks before the first that counts
#: Tasks of a turn, and the steps of each. Many short turns: what disturbs is there for seconds.
KINDS = {"tasks that do nothing": (1000, 0), "tasks of 5 ms or so": (100, 50)}
ROUNDS = 5
WITHIN = 60  # seconds for a worker to start, and for a round
LIMIT = 3.0  # percent
NOTE = (
    f"One prefork child; worker and child on the first core, Redis on another. Median of {ROUNDS} "
    "interleaved rounds, in which ours is first and last and the bare one twice between. Tasks a "
    "second are counted until the outcomes of all of them are in the store and told; the queue is "
    "full before. µs are of CPU, the worker's and its child's, and of these the publisher's "
    "thread: the part that others on the machine disturb least. The target is for tasks that do "
    "nothing, where the worker is all there is to slow down."
)


class Worker:
    """One that runs, with one child, on the first core."""

    def __init__(self, url, *, installed):
        self.queue = "installed" if installed else "bare"
        self._env = {
            **os.environ,
            "BENCH_REDIS": url,
            "BENCH_QUEUE": self.queue,
            "BENCH_INSTALLED": str(int(installed)),
        }

    def __enter__(self):
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR"]
        options = ["-P", "prefork", "-c", "1", "-n", f"{self.queue}@benchmark", *quiet]
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "benchmarks.parts.worker",
            "worker",
            *options,
        ]
        output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        os.sched_setaffinity(0, {0})  # what it inherits
        self._process = subprocess.Popen(
            command, env=self._env, cwd=ROOT, start_new_session=True, **output
        )
        os.sched_setaffinity(0, OTHERS)
        return self

    def __exit__(self, *_error):
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its child too; it could wait for Redis
        self._process.wait()

    @property
    def cpu(self):
        """CPU seconds until now, of both processes."""
        return cpu_of(self._process.pid) + cpu_of(self._child)

    @property
    def publisher(self):
        """CPU seconds until now of the child's threads other than its first."""
        first = Path(f"/proc/{self._child}/task/{self._child}/schedstat").read_text()
        return cpu_of(self._child) - int(first.split()[0]) / 1e9

    @property
    def _child(self):
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


class Queue:
    """Tasks that wait, the same in each round, and what they say when they are done."""

    def __init__(self, url):
        self._clients = [Redis.from_url(f"{url}/{each}", socket_timeout=None) for each in range(3)]
        self._celery = Celery("sender", broker=f"{url}/1")

    def prepare(self, name, tasks):
        """Keep tasks, as (name, arguments), to be queued again and again."""
        with self._celery.producer_pool.acquire(block=True) as producer:
            for task, *arguments in tasks:
                path = f"benchmarks.parts.worker.{task}"
                self._celery.send_task(path, arguments, queue=name, producer=producer)

    def fill(self, name, worker):
        """Queue them at once, with nothing known of any."""
        store, broker, results = self._clients
        store.flushdb()
        results.flushdb()
        broker.copy(name, worker.queue)

    def said(self):
        """What a task says next."""
        answer = self._clients[1].blpop("said", WITHIN)
        if answer is None:
            raise SystemExit(f"a worker said nothing for {WITHIN} s")
        return json.loads(answer[1])


def measured():
    """Table 2."""
    with redis_server() as server:
        url, queue = server.connection_url, Queue(server.connection_url)
        for kind, (count, steps) in KINDS.items():
            tasks = [("some", steps)] * count
            queue.prepare(kind, [("some", 0)] * WARM + [("mark",), *tasks, ("mark",)])
        for told in (0, 1):
            queue.prepare(f"work {told}", [("work", STEPS, told)])
        with Worker(url, installed=True) as ours, Worker(url, installed=False) as bare:
            kinds = {
                kind: [draining(queue, kind, ours, bare) for _ in range(ROUNDS)] for kind in KINDS
            }
            working = [reporting(queue, ours) for _ in range(ROUNDS)]
    return table({kind: medians(rounds) for kind, rounds in kinds.items()}, medians(working))


def draining(queue, kind, ours, bare):
    """Tasks a second of both, and microseconds of CPU for one."""
    seconds, cpu, turns = Counter(), Counter(), (ours, bare, bare, ours)
    for worker in turns:  # in this order, since a machine that slows down favours the first
        queue.fill(kind, worker)
        began, before, of_ours = queue.said(), worker.cpu, worker.publisher
        seconds[worker.queue] += queue.said() - began
        cpu[f"{worker.queue} cpu"] += worker.cpu - before
        cpu["publisher"] += worker.publisher - of_ours  # of the bare worker, nothing
    count = KINDS[kind][0] * len(turns) / 2
    return {
        **{name: count / each for name, each in seconds.items()},
        **{name: each / count * 1e6 for name, each in cpu.items()},
        "slower": (seconds["installed"] / seconds["bare"] - 1) * 100,
    }


def reporting(queue, worker):
    """Reports a second, and by how many percent they slow the steps."""
    seconds, of_ours, turns = Counter(), worker.publisher, ("work 0", "work 1", "work 1", "work 0")
    for name in turns:
        queue.fill(name, worker)
        seconds[name] += queue.said() / 2
    bare, ours = seconds["work 0"], seconds["work 1"]
    return {
        "bare": STEPS / bare,
        "installed": STEPS / ours,
        "slower": (ours / bare - 1) * 100,
        "bare cpu": bare / STEPS * 1e6,
        "installed cpu": ours / STEPS * 1e6,
        "publisher": (worker.publisher - of_ours) / 2 / STEPS * 1e6,
    }


def table(kinds, working):
    """The table of these medians."""
    columns = ["", "a second without", "with", "µs without", "with", "publisher", "% slower"]
    found = {"steps of a task that reports each": working, **kinds}
    names = ["bare", "installed", "bare cpu", "installed cpu", "publisher", "slower"]
    rows = [[kind, *(figures[name] for name in names)] for kind, figures in found.items()]
    nothing = kinds["tasks that do nothing"]
    targets = [
        Target("% slower: a task that reports 10,000 times a second", working["slower"], LIMIT),
        Target("% slower: a worker whose tasks never report", nothing["slower"], LIMIT),
    ]
    return Table(2, "What reporting slows down", columns, NOTE, rows, targets)
