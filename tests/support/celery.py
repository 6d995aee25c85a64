"""The tests' Celery application; real workers run it with the settings of their environment."""

import json
import os
import time
from importlib import import_module

from celery import Celery
from celery.exceptions import Ignore, Reject

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
url = os.environ["TEST_BROKER_URL"]

app = Celery("tests", broker=url, backend=url)
app.conf.update(
    task_default_queue="tests",
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options=json.loads(os.environ.get("TEST_BROKER_OPTIONS", "{}")),
    redis_socket_timeout=5,
    worker_hijack_root_logger=False,
)


@app.task(bind=True)
def count(self, total, seconds=0.0):
    """Report each step."""
    from progress import track

    for _ in track(range(total), description="Counting", task=self):
        time.sleep(seconds)
    return total


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True)
def count_late(self, total, seconds=0.0):
    """Count, in a task that the broker delivers again when its worker is lost."""
    return count.__wrapped__.__func__(self, total, seconds)


@app.task(bind=True, retry_on_worker_lost=True, default_retry_delay=1)
def count_again(self, total, seconds=0.0):
    """Count, in a task that the worker retries when its child is lost."""
    return count.__wrapped__.__func__(self, total, seconds)


@app.task(bind=True, ignore_result=True)
def count_ignored(self, total, seconds=0.0):
    """Count, in a task whose result is not stored."""
    return count.__wrapped__.__func__(self, total, seconds)


@app.task(bind=True)
def quiet(self, seconds):
    """Report once, then sleep."""
    from progress import ProgressRecorder

    began = time.monotonic()
    ProgressRecorder(self).set_progress(1, 2, "Quiet")
    time.sleep(max(0, began + seconds - time.monotonic()))


@app.task(bind=True)
def busy(self, seconds):
    """Report without a pause, so that no other greenlet runs."""
    from progress import ProgressRecorder

    recorder = ProgressRecorder(self)
    began = time.monotonic()
    while (so_far := time.monotonic() - began) < seconds:
        recorder.set_progress(so_far, seconds, "Busy")


@app.task(bind=True)
def fork(self, total, seconds, how="", module="billiard"):
    """Let a forked process report half of the steps, then wait in silence."""
    from progress import ProgressRecorder

    recorder = ProgressRecorder(self)
    process = import_module(module).get_context("fork").Process(target=half, args=(recorder, total))
    process.start()
    process.join(5)
    time.sleep(seconds)
    if how == "fail" or process.is_alive():
        raise RuntimeError


def half(recorder, total):
    for number in range(total // 2 + 1):
        recorder.set_progress(number, total, "Forked")
        time.sleep(0.02)


@app.task(bind=True)
def observe(self, items):
    """Pass a recorder to code that knows nothing of Celery."""
    from progress import ProgressRecorder

    return plain_code(items, ProgressRecorder(self))


def plain_code(items, progress_observer):
    for number, _ in enumerate(items, start=1):
        progress_observer.set_progress(number, len(items), description=f"Item {number}")
    return "done"


@app.task
def silent():
    """Report nothing, as a task that does not use this library."""
    return "secret"


@app.task(bind=True, progress_result=True)
def public(self):
    return {"url": "/report"}


@app.task(bind=True)
def fail(self, error, at=3):
    """Report, then fail."""
    from progress import ProgressRecorder, PublicError

    ProgressRecorder(self).set_progress(at, 10, "Working")
    raise {"public": PublicError("No such file."), "private": RuntimeError("password")}[error]


@app.task(bind=True, max_retries=5)
def retry(self, times):
    from progress import ProgressRecorder

    ProgressRecorder(self).set_progress(self.request.retries, 10, "Trying")
    if self.request.retries < times:
        raise self.retry(countdown=0.3, exc=RuntimeError("again"))


@app.task(bind=True)
def break_off(self, how):
    """End in one of Celery's less common ways."""
    from progress import ProgressRecorder
    from progress.reporting import current

    ProgressRecorder(self).set_progress(3, 10, "Working")
    if how == "ignore":
        raise Ignore
    if how == "reject":
        raise Reject("no", requeue=False)
    if how == "exit":
        raise SystemExit(1)
    if how == "kill":
        current.flush(5)
        os.kill(os.getpid(), 9)
    if how == "unserialisable":
        return object()
    return time.sleep(60)
