"""The Celery application whose workers table 2 measures: with this project's app, or without.

BENCH_REDIS is the server: database 0 is the store's, 1 the broker's, 2 the results'.
"""

import json
import os
import time

import django
from celery import Celery
from django.conf import settings
from redis import Redis

from progress.layers import redis_layer

URL = os.environ["BENCH_REDIS"]
INSTALLED = os.environ["BENCH_INSTALLED"] == "1"

settings.configure(
    INSTALLED_APPS=["progress"] if INSTALLED else [],
    PROGRESS_REDIS_URL=f"{URL}/0",
    CHANNEL_LAYERS={"default": redis_layer(f"{URL}/0")},
)
django.setup()

app = Celery("benchmarks", broker=f"{URL}/1", backend=f"{URL}/2")
app.conf.update(task_default_queue=os.environ["BENCH_QUEUE"])


@app.task
def some(steps):
    """Take so many steps and report nothing."""
    for _ in range(steps):
        step()


@app.task
def mark():
    """Send the time when this task runs and all earlier events are delivered."""
    if INSTALLED:
        from progress.reporting import current

        current.flush(30)
    say(time.monotonic())


@app.task(bind=True)
def work(self, steps, reporting):
    """Take steps of about 0.1 ms, report each or none, and send how long they took."""
    from progress import ProgressRecorder

    recorder, began = ProgressRecorder(self), time.perf_counter()
    if reporting:
        for number in range(steps):
            step()
            recorder.set_progress(number, steps)
    else:
        for _ in range(steps):
            step()
    say(time.perf_counter() - began)


def step():
    """A little work."""
    return sum(range(4000))


def say(word):
    """Send it to the benchmark."""
    with Redis.from_url(f"{URL}/1") as client:
        client.rpush("said", json.dumps(word))
