"""Tasks whose lives have a fault in their middle; a worker of a row includes this module."""

import time

from celery import chain, group
from celery.contrib.abortable import AbortableAsyncResult, AbortableTask

from progress import ProgressRecorder, recheck, track
from tests.support.celery import app, count


@app.task(bind=True, max_retries=1)
def tried_elsewhere(self, seconds):
    """Retry at once in another queue; work for some seconds there, and fail."""
    if not self.request.retries:
        raise self.retry(countdown=0, queue="elsewhere", exc=RuntimeError("again"))
    for _ in track(range(int(seconds * 20)), description="Trying", task=self):
        time.sleep(0.05)
    raise RuntimeError


@app.task(bind=True, max_retries=1)
def tried_later(self, countdown):
    """Report once, then wait for a second attempt."""
    ProgressRecorder(self).set_progress(self.request.retries + 1, 3, "Trying")
    if not self.request.retries:
        raise self.retry(countdown=countdown, exc=RuntimeError("again"))


@app.task(bind=True, max_retries=1)
def tried_in_silence(self, first, second):
    """Retry after some seconds; report in the second attempt, be silent for long, and report."""
    recorder = ProgressRecorder(self)
    recorder.set_progress(self.request.retries + 1, 3, "Trying")
    time.sleep(second if self.request.retries else first)
    if not self.request.retries:
        raise self.retry(countdown=0, exc=RuntimeError("again"))
    recorder.set_progress(3, 3)


@app.task(bind=True)
def replaced(self, how):
    """Report, then let two others take this task's place."""
    ProgressRecorder(self).set_progress(3, 4, "Preparing")
    steps = [count.si(20, 0.05), count.si(20, 0.05)]
    raise self.replace({"chain": chain, "group": group}[how](*steps))


@app.task(bind=True, acks_late=True)
def hung(self, total, seconds):
    """Hang when it is delivered the first time; count when it is delivered again."""
    if not self.request.delivery_info["redelivered"]:
        ProgressRecorder(self).set_progress(1, total, "Hanging")
        time.sleep(60)
    return count.__wrapped__.__func__(self, total, seconds)


@app.task(bind=True, base=AbortableTask)
def abortable(self, total):
    """Ask before each step whether to go on, as the report of the step before is written."""
    for _ in track(range(total), description="Counting", task=self):
        if self.is_aborted():
            return "aborted"
        time.sleep(1)
    return "finished"


@app.task
def abort(task_id):
    AbortableAsyncResult(task_id, app=app).abort()


@app.task
def send(name, arguments, task_id):
    """Send another task from a process that publishes that the task waits."""
    app.send_task(name, arguments, task_id=task_id, queue="tests")


@app.task
def send_many(name, arguments, task_id, count):
    """Send one task that runs, and many that wait in a queue that nobody reads."""
    app.send_task(name, arguments, task_id=task_id, queue="tests")
    for _ in range(count):
        app.send_task(name, arguments, queue="nobody")
    time.sleep(60)


@app.task
def recheck_all():
    """Say that everybody's rights may have changed."""
    recheck()
