"""Table 1: what a report costs the task, beside tqdm and celery-progress."""

import io
import time

from tqdm import tqdm

from benchmarks.parts.children import Child
from benchmarks.parts.machine import redis_server
from benchmarks.parts.tellers import running
from benchmarks.peers.celery_progress import Peer
from benchmarks.report import Table, Target, medians

CALLS = 500_000
SLOW_CALLS = 300  # of celery-progress, each of which waits for Redis
ROUNDS = 5
LIMITS = {
    "set_progress / tqdm.update": {"limit": 1.5},
    "track / tqdm(iterable)": {"limit": 1.5},
    "celery-progress over websockets / set_progress": {"limit": 1000, "least": True},
}
NOTE = (
    f"Median of {ROUNDS} interleaved rounds; the empty loop is taken off the calls. The publisher "
    "runs, and its ten events a second go to a real server. tqdm draws into memory."
)


def measured():
    """Table 1."""
    with redis_server() as server:
        url = f"{server.connection_url}/0"
        with Child(Ours, url) as ours, Peer(url) as peer:
            peer.seconds("websocket", 10)  # opens what stays open
            rounds = [ours("timed") | timed(peer) for _ in range(ROUNDS)]
    return table(medians([microseconds(each) | ratios(each) for each in rounds]))


class Ours:
    """A running task without a worker, with a real publisher. For a ``Child``."""

    def __init__(self, url):
        from progress import configure

        configure(redis_url=url)
        self._loops = loops(running("benchmark"))

    def timed(self):
        """Seconds a call of each, in one round."""
        found = {name: seconds(loop) / CALLS for name, loop in self._loops.items()}
        loop = found.pop("empty loop")
        return {name: each - loop for name, each in found.items()}


def loops(task):
    """What is timed here, by its name in the table."""
    from progress import ProgressRecorder, track

    recorder = ProgressRecorder(task)
    bar = tqdm(total=CALLS, file=io.StringIO())

    def empty():
        for _ in range(CALLS):
            pass

    def tqdm_update():
        for _ in range(CALLS):
            bar.update(1)

    def set_progress():
        for number in range(CALLS):
            recorder.set_progress(number, CALLS)

    def increment_progress():
        for _ in range(CALLS):
            recorder.increment_progress()

    def tqdm_iterable():
        for _ in tqdm(range(CALLS), file=io.StringIO()):
            pass

    def track_iterable():
        for _ in track(range(CALLS), task=task):
            pass

    return {
        "empty loop": empty,
        "set_progress(n, total)": set_progress,
        "increment_progress()": increment_progress,
        "tqdm.update(1)": tqdm_update,
        "track(iterable)": track_iterable,
        "tqdm(iterable)": tqdm_iterable,
    }


def timed(peer):
    """The same of celery-progress."""
    return {
        f"celery-progress, {mode}": peer.seconds(mode, SLOW_CALLS) / SLOW_CALLS
        for mode in ("polling", "websocket")
    }


def seconds(loop):
    """How long it takes."""
    began = time.perf_counter()
    loop()
    return time.perf_counter() - began


def microseconds(found):
    """A round's figures in the table's unit."""
    return {name: each * 1e6 for name, each in found.items()}


def ratios(found):
    """Of one round, what the targets are about."""
    call = found["set_progress(n, total)"]
    figures = (
        call / found["tqdm.update(1)"],
        found["track(iterable)"] / found["tqdm(iterable)"],
        found["celery-progress, websocket"] / call,
    )
    return dict(zip(LIMITS, figures, strict=True))


def table(found):
    """The table of these medians."""
    names = [name for name in found if name not in LIMITS]
    columns = ["", "µs a call", "times set_progress"]
    call = found["set_progress(n, total)"]
    targets = [Target(name, found[name], **limit) for name, limit in LIMITS.items()]
    rows = [[name, found[name], found[name] / call] for name in names]
    return Table(1, "What a report costs the task", columns, NOTE, rows, targets)
