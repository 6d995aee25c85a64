"""A task in a process of its own, which reports the time.

The arguments are the kind of recorder and the task id. For each number on its standard input it
reports so many times, then prints a line. The description is the time by CLOCK_MONOTONIC.
"""

import os
import random
import sys
import time

EVERY = 0.15  # seconds between two reports, about: longer than PROGRESS_INTERVAL
POLLED_EVERY = 0.6  # longer than a page waits between two looks
TOTAL = 1_000_000


def ours(task_id):
    """The recorder of a Celery task whose results are in Redis, as in a worker."""
    from celery import Celery

    from progress import ProgressRecorder, configure
    from progress.reporting.current import current_publisher

    configure(redis_url=os.environ["BENCH_REDIS"])
    run = current_publisher().open(task_id)
    return _recorded(Celery(backend=os.environ["BENCH_REDIS"]), ProgressRecorder, task_id, run)


def raw(task_id):
    """Texts as long as ours."""
    from redis import Redis

    redis, channel = Redis.from_url(os.environ["BENCH_REDIS"]), f"/{task_id}"
    return lambda number, now: redis.publish(channel, event(task_id, number, now, run=1).text())


def websocket(task_id):
    """celery-progress's recorder for websockets."""
    from benchmarks.peers.sites import tasks

    # isort: split
    # The settings are there now, which this module reads.
    from celery_progress.websockets.backend import WebSocketProgressRecorder

    return _recorded(tasks, WebSocketProgressRecorder, task_id)


def polling(task_id):
    """celery-progress's other recorder."""
    from celery_progress.backend import ProgressRecorder

    from benchmarks.peers.sites import tasks

    return _recorded(tasks, ProgressRecorder, task_id)


def _recorded(app, kind, task_id, run=None):
    @app.task
    def task():
        pass

    task.push_request(id=task_id, is_eager=False, progress_run=run)
    recorder = kind(task)
    return lambda number, now: recorder.set_progress(number, TOTAL, now)


def event(task_id, number, description, run):
    """Return the event that both the measured task and the tasks of the load send."""
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


def main(say, every):
    """Report as often as standard input asks."""
    number = 0
    for line in sys.stdin:
        for _ in range(int(line)):
            number += 1
            say(number, f"{time.monotonic():.6f}")
            time.sleep(random.uniform(0.9, 1.1) * every)
        print(flush=True)


if __name__ == "__main__":
    kind, task_id = sys.argv[1:]
    kinds = {"ours": ours, "raw": raw, "websocket": websocket, "polling": polling}
    main(kinds[kind](task_id), POLLED_EVERY if kind == "polling" else EVERY)
