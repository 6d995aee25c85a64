"""A task in a process of its own, which says what time it is: `python -m benchmarks.latency_task`.

Arguments: "ours" or "raw", and the task's id. For each number on its standard input it reports so
many times, then answers with a line. The time, CLOCK_MONOTONIC, is the description.
"""

import os
import random
import sys
import time

from redis import Redis

EVERY = 0.15  # seconds between two reports, about: longer than PROGRESS_INTERVAL
TOTAL = 1_000_000


def ours(task_id):
    """The recorder of a Celery task whose results are in Redis, as in a worker."""
    from celery import Celery

    from progress import ProgressRecorder, configure
    from progress.process import get_publisher

    configure(redis_url=os.environ["BENCH_REDIS"])

    @Celery(backend=os.environ["BENCH_REDIS"]).task
    def task():
        pass

    task.push_request(id=task_id, is_eager=False, progress_run=get_publisher().open(task_id))
    recorder = ProgressRecorder(task)
    return lambda number, now: recorder.set_progress(number, TOTAL, now)


def raw(task_id):
    """Texts as long as ours."""
    redis = Redis.from_url(os.environ["BENCH_REDIS"])
    return lambda number, now: redis.publish(task_id, event(task_id, number, now, run=1).text())


def event(task_id, number, description, run):
    """What both say."""
    from progress.events import Event, State

    return Event(
        task_id=task_id,
        state=State.PROGRESS,
        version=1795331651123456,
        run=run,
        current=number,
        total=TOTAL,
        description=description,
    )


def main(say):
    """Report as often as is asked for."""
    number = 0
    for line in sys.stdin:
        for _ in range(int(line)):
            number += 1
            say(number, f"{time.monotonic():.6f}")
            time.sleep(random.uniform(0.9, 1.1) * EVERY)
        print(flush=True)


if __name__ == "__main__":
    kind, task_id = sys.argv[1:]
    main({"ours": ours, "raw": raw}[kind](task_id))
