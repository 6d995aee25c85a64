"""The tasks of each kind, on a Celery application without Django."""

import time

from celery import Celery

from progress import ProgressRecorder, PublicError, track

from .redis import BROKER

app = Celery("conformance", broker=BROKER, backend=BROKER)
app.conf.update(task_default_queue="conformance", worker_hijack_root_logger=False)


def count(task, total, seconds, description="Counting"):
    for _ in track(range(total), description=description, task=task):
        time.sleep(seconds)


@app.task(bind=True)
def counting(self):
    count(self, 12, 0.12)


@app.task(bind=True)
def failing(self):
    ProgressRecorder(self).set_progress(3, 10, "Working")
    time.sleep(0.5)
    raise PublicError("There is no such file.")


@app.task(bind=True, max_retries=1)
def retrying(self):
    count(self, 5, 0.1)
    if not self.request.retries:
        raise self.retry(countdown=0.5, exc=RuntimeError("again"))


@app.task(bind=True)
def endless(self):
    recorder = ProgressRecorder(self)
    for number in range(20):
        recorder.set_progress(number, None, "Counting")
        time.sleep(0.1)


@app.task(bind=True)
def wordy(self):
    count(self, 20, 0.15, "𝔴ords " * 1000)


@app.task(bind=True)
def quiet(self):
    ProgressRecorder(self).set_progress(1, 2, "Quiet")
    time.sleep(30)


@app.task(bind=True)
def cancellable(self):
    count(self, 80, 0.1)
