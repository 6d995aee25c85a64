"""The Celery application of the lives: one body that does what an attempt says, and writes it down.

What it writes goes to one list of a Redis database that nothing else uses, so the list is what
really happened, whatever Celery and the progress say.
"""

import asyncio
import json
import os
import signal
import threading
import time
from datetime import timedelta

import redis
from celery import Celery, Task, chain, chord, group, signals
from celery.contrib.abortable import AbortableTask
from celery.exceptions import Ignore, Reject
from kombu.asynchronous import timer

true_time = time.time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
url = os.environ["TEST_BROKER_URL"]
NOTES = os.environ.get("TEST_NOTES_URL", url)
HANG = 3.0  # seconds, for attempts that something else is to end

app = Celery("lives", broker=url, backend=url)
app.conf.update(
    task_default_queue="prefork",
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    redis_socket_timeout=5,
    worker_hijack_root_logger=False,
    task_reject_on_worker_lost=True,
)

if ahead := float(os.environ.get("TEST_CLOCK_AHEAD", "0")):  # what this process takes for the time
    true_ns = time.time_ns
    time.time = lambda: true_time() + ahead
    time.time_ns = lambda: true_ns() + int(ahead * 1e9)
    timer._time = time.time  # Celery's timers, and the times in its records and messages
    app.now = lambda: Celery.now(app) + timedelta(seconds=ahead)

_local = threading.local()


def _notes():
    if getattr(_local, "pid", None) != os.getpid():
        _local.client = redis.Redis.from_url(NOTES, decode_responses=True)
        _local.pid = os.getpid()
    return _local.client


def note(key, what, nth, **more):
    """Write down what happened, when, and in which process."""
    more |= {"key": key, "what": what, "nth": nth, "at": true_time(), "pid": os.getpid()}
    _notes().rpush("notes", json.dumps(more))


class Hooks(Task):
    """A base that writes down which hooks were called, and may raise in them."""

    raising = False

    def before_start(self, task_id, args, kwargs):
        note(args[0], "hook", 0, hook="before_start")

    def on_success(self, retval, task_id, args, kwargs):
        self._hook(args, "on_success")

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        self._hook(args, "on_failure")

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        self._hook(args, "on_retry")

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        note(args[0], "hook", 0, hook="after_return")

    def _hook(self, args, name):
        note(args[0], "hook", 0, hook=name)
        if self.raising:
            raise RuntimeError(f"{name} raises")


class RaisingHooks(Hooks):
    raising = True


BASES = {"plain": Task, "hooks": Hooks, "raising hooks": RaisingHooks, "abortable": AbortableTask}
AUTO = {
    "": {},
    "at once": {
        "autoretry_for": (ConnectionError,),
        "default_retry_delay": 0,
        "retry_kwargs": {"max_retries": 3},
    },
    "backoff": {
        "autoretry_for": (ConnectionError,),
        "retry_backoff": True,
        "retry_jitter": False,
        "retry_kwargs": {"max_retries": 2},
    },
    "jitter": {
        "autoretry_for": (ConnectionError,),
        "retry_backoff": True,
        "retry_kwargs": {"max_retries": 2},
    },
}


def task_name(base, late, auto, lost_retry):
    """The task that has these options."""
    words = [base, "late" if late else "early", auto or "manual", "again" if lost_retry else "once"]
    return "lives." + ".".join(words).replace(" ", "_")


def live(self, key, script):
    """Do what the script says of this execution, which is counted in Redis."""
    nth = _notes().incr(f"nth:{key}")
    attempt = script[nth - 1] if nth <= len(script) else {"end": "success", "reports": 0}
    self.request.nth = nth
    note(key, "began", nth, retries=self.request.retries)
    time.sleep(attempt.get("silent", 0))
    report(self, key, nth, attempt)
    inside(attempt.get("inner"))
    time.sleep(attempt.get("after", 0))
    return end(self, key, nth, attempt)


def report(self, key, nth, attempt):
    from progress import ProgressRecorder, track

    number, pace = attempt["reports"], attempt.get("pace", 0)
    if not number:
        return
    if attempt["how"] in {"thread", "to_thread"}:
        elsewhere(self, attempt["how"], number, pace)
        return
    if attempt["how"] == "track":
        for _ in track(range(number), description="Tracking", task=self):
            time.sleep(pace)
            watch_for_abort(self, key, nth, attempt)
        return
    recorder = ProgressRecorder(self)
    total = number if attempt["how"] == "recorder" else None
    for done in range(1, number + 1):
        recorder.set_progress(done, total, f"Step {done}")
        time.sleep(pace)
        watch_for_abort(self, key, nth, attempt)


def elsewhere(self, how, number, pace):
    """Report from a thread that the task starts."""
    from progress import track

    def work():
        for _ in track(range(number), description="Tracking", task=self):
            time.sleep(pace)

    if how == "to_thread":
        asyncio.run(asyncio.to_thread(work))
    else:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()


def watch_for_abort(self, key, nth, attempt):
    if attempt["end"] == "abortable" and self.is_aborted():
        note(key, "aborted", nth)
        raise Ignore


def inside(how):
    if how == "apply":
        inner.apply(args=[False])
    elif how == "apply failing":
        inner.apply(args=[True])
    elif how == "call":
        inner(False)


def said(attempt):
    """What may be shown as current in the end, by what the attempt reported."""
    if attempt.get("inner") == "call":
        return [3]  # a part that ended last
    if attempt.get("how") in {"thread", "to_thread"}:
        return [0, attempt["reports"]]  # where several tasks of this name run, nobody knows whose
    return [attempt["reports"]]


def end(self, key, nth, attempt):
    from progress import PublicError

    how = attempt["end"]
    if how == "hang":
        time.sleep(HANG)
    if how == "abortable":
        deadline = time.monotonic() + HANG
        while time.monotonic() < deadline:
            watch_for_abort(self, key, nth, attempt)
            time.sleep(0.1)
    note(key, "ended", nth, how=how, said=said(attempt))
    errors = {
        "failure": RuntimeError("password"),
        "public": PublicError("No such file."),
        "auto": ConnectionError("refused"),
        "exit": SystemExit(1),
    }
    if how in errors:
        raise errors[how]
    if how == "retry":
        # No max_retries here: Celery would use it for the next autoretry in this process, too.
        raise self.retry(countdown=attempt["countdown"], exc=RuntimeError("again"))
    if how == "ignore":
        if attempt["stored"]:
            stored = ValueError("by hand") if attempt["stored"] == "FAILURE" else "by hand"
            self.backend.store_result(self.request.id, stored, attempt["stored"])
        raise Ignore
    if how in {"reject", "requeue"}:
        raise Reject("no", requeue=how == "requeue")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "replace":
        raise self.replace(replacement(key, attempt))
    return {"done": nth}


def replacement(key, attempt):
    queue = {"queue": app.current_worker_task.request.delivery_info["routing_key"]}
    seconds, fails = attempt["sub_seconds"], attempt["sub_fails"]
    last = piece.si(key, "last", seconds, fails).set(**queue)
    first = piece.si(key, "first", seconds, False).set(**queue)
    if attempt["sub"] == "signature":
        return last
    if attempt["sub"] == "chain":
        return chain(first, last)
    if attempt["sub"] == "group":
        return group(first, last)
    return chord([first, first.clone()], last)


@app.task(bind=True)
def piece(self, key, name, seconds, fails):
    """A part of what a task was replaced by."""
    from progress import ProgressRecorder

    note(key, "piece began", 0, piece=name)
    recorder = ProgressRecorder(self)
    for step in range(1, 4):
        recorder.set_progress(step, 3, f"Piece, step {step}")
        time.sleep(seconds / 3)
    note(key, "piece ended", 0, piece=name, fails=fails)
    if fails:
        raise RuntimeError("password")


@app.task(bind=True)
def inner(self, fails):
    """A task that runs inside another."""
    from progress import track

    for _ in track(range(3), description="Inner", task=self):
        time.sleep(0.01)
    if fails:
        raise RuntimeError("password")


@signals.task_prerun.connect
def entered(task, args, **_):
    """Write down that Celery begins an execution, which a time limit may cut off from then on."""
    if task.name.startswith("lives."):
        note(args[0], "entered", 0)


@signals.task_postrun.connect
def left(task, args, **_):
    """Write down that Celery has finished with an execution, which a time limit may cut off."""
    nth = getattr(task.request, "nth", None)
    if nth is not None:
        note(args[0], "left", nth)


@signals.task_postrun.connect(sender=app.tasks["celery.accumulate"])
def collected(task_id, **_):
    """Write down which process collected what a group gave that replaced a task."""
    note(task_id, "collected", 0)


for _base, _class in BASES.items():
    for _late in (False, True):
        for _auto, _options in AUTO.items():
            for _again in (False, True):
                app.task(
                    bind=True,
                    name=task_name(_base, _late, _auto, _again),
                    base=_class,
                    acks_late=_late,
                    max_retries=9,
                    retry_on_worker_lost=_again,
                    **{"default_retry_delay": 0.3, **_options},
                )(live)
