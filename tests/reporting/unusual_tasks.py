"""Tasks that do what Celery allows but few tasks do; they have their own worker."""

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import billiard
from celery import Celery, chain, chord, group
from celery.contrib.abortable import AbortableTask
from celery.exceptions import Ignore, Reject, Retry
from django.utils import translation
from django.utils.translation import gettext_lazy

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
url = os.environ["TEST_BROKER_URL"]

app = Celery("unusual", broker=url, backend=url, set_as_current=False)
app.conf.update(
    task_default_queue="unusual",
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    redis_socket_timeout=5,
    worker_hijack_root_logger=False,
)


@app.task(bind=True)
def count(self, total, seconds=0.01):
    from progress import track

    for _ in track(range(total), description="Counting"):
        time.sleep(seconds)
    return total


@app.task
def failing():
    raise ValueError


@app.task
def add_up(numbers):
    return sum(numbers)


@app.task(bind=True)
def replaced(self, how):
    """Report, then replace this task by another task or a canvas."""
    from progress import ProgressRecorder

    ProgressRecorder(self).set_progress(3, 4, "Preparing")
    steps = [count.si(10), count.si(10)]
    canvas = {
        "signature": lambda: count.si(10),
        "chain": lambda: chain(*steps),
        "group": lambda: group(*steps),
        "chord": lambda: chord(steps, add_up.s()),
        "failing group": lambda: group(failing.si(), *steps),
        "failing chain": lambda: chain(failing.si(), *steps),
    }
    raise self.replace(canvas[how]())


@app.task(bind=True)
def ignored(self, state=None):
    """End by Ignore, perhaps after storing a state by hand."""
    from progress import ProgressRecorder

    ProgressRecorder(self).set_progress(3, 4, "Working")
    if state in ("FAILURE", "REVOKED"):  # Celery reads these states as an exception
        meta = {"exc_type": "ValueError", "exc_message": ["by hand"], "exc_module": "builtins"}
        self.update_state(state=state, meta=meta)
    elif state:
        self.update_state(state=state, meta="by hand")
    raise Ignore


@app.task(bind=True, acks_late=True)
def requeued(self):
    """Go back to the queue once."""
    if not self.request.delivery_info["redelivered"]:
        raise Reject("later", requeue=True)
    return "second time"


@app.task(bind=True, max_retries=3)
def retried_late(self):
    raise self.retry(countdown=3600)


@app.task(autoretry_for=(ConnectionError,), retry_kwargs={"countdown": 0, "max_retries": 2})
def flaky():
    raise ConnectionError


@app.task(bind=True)
def elsewhere(self, how):
    """Report from another thread, context or function than the task's own."""
    from progress import ProgressRecorder, track

    def report(recorder=None):
        if recorder:
            for number in range(21):
                recorder.set_progress(number, 20, "Elsewhere")
        else:
            for _ in track(range(20), description="Elsewhere", task=self):
                time.sleep(0.01)

    if how == "track":
        in_thread(report)
    elif how == "recorder":
        in_thread(lambda: report(ProgressRecorder(self)))
    elif how == "executor":
        with ThreadPoolExecutor(1) as executor:
            executor.submit(report).result()
    elif how == "to_thread":
        asyncio.run(asyncio.to_thread(lambda: list(track(range(20), description="Elsewhere"))))
    elif how == "function":
        count(20)
    elif how == "apply":
        ProgressRecorder(self).set_progress(20, 20, "Elsewhere")
        count.apply((5,))
    return self.backend.get_task_meta(self.request.id)["status"]


def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@app.task(bind=True, base=AbortableTask)
def abortable(self):
    from progress import track

    for _ in track(range(100)):
        if self.is_aborted():
            return "aborted"
        time.sleep(0.2)
    return "finished"


@app.task(bind=True)
def translated(self):
    """Report a lazy translation in another language than the worker's."""
    from progress import ProgressRecorder, PublicError

    with translation.override("de"):
        ProgressRecorder(self).set_progress(1, 2, gettext_lazy("Monday"))
        error = PublicError(gettext_lazy("Tuesday"))
    raise error


@app.task(bind=True)
def pooled(self, how):
    """Let two processes of a pool try to report for this task."""
    from progress import ProgressRecorder

    recorder = ProgressRecorder(self)
    recorder.set_progress(0, 40, "Begun")
    with billiard.get_context(how).Pool(2) as pool:
        rows = pool.map(report_as, [(recorder, "One"), (recorder, "Two")], chunksize=1)
    recorder.set_progress(40, 40, "Done")
    return rows


def report_as(job):
    recorder, name = job
    for number in range(40):
        recorder.set_progress(number, 40, name)
        time.sleep(0.03)
    return name


@app.task
def slow():
    time.sleep(60)


class SlowRows:
    """Rows that take long to count, as those of a database do."""

    def __len__(self):
        time.sleep(60)
        return 0

    def __iter__(self):
        return iter(())


@app.task
def slow_rows():
    from progress import track

    return list(track(SlowRows()))


@app.task(throws=KeyError)
def picky():
    """Have a single exception class in ``throws``, without a tuple."""
    from progress import track

    list(track(range(3)))
    raise KeyError


@app.task
def retried_by_hand(when):
    """Raise a Retry by hand, so that no message for the retry is sent."""
    raise Retry("by hand", when=float(when))


@app.task(bind=True)
def calls_itself(self):
    """Call another task under this task's id."""
    from progress import ProgressRecorder
    from progress.reporting import current

    recorder = ProgressRecorder(self)
    recorder.set_progress(1, 4, "Outer")
    count.apply((2,), task_id=self.request.id)
    current.flush(5)  # the other process's reports
    recorder.set_progress(3, 4, "Outer again")


@app.task(bind=True)
def retried_once(self):
    """Report in the second attempt, and return the state that the result backend has then."""
    from progress import ProgressRecorder

    if not self.request.retries:
        raise self.retry(countdown=1)  # Celery sends the message, and then stores RETRY
    ProgressRecorder(self).set_progress(1, 2)
    return self.backend.get_task_meta(self.request.id, cache=False)["status"]
