"""Reports of greenlets that a task starts, and the ends of tasks that run as greenlets."""

import subprocess
import sys
import textwrap
from uuid import uuid4

import pytest

from progress.events import State
from tests.support.celery import app
from tests.support.parts import Worker
from tests.support.processes import ROOT

PROCESS = """
from gevent import monkey
monkey.patch_all()

import asyncio
from contextlib import suppress
import gevent
from tests.support import rights  # sets Django up
from celery import Celery
from progress import ProgressRecorder, track
from progress.reporting.current import flush
from progress.store.memory import MemoryStore

app = Celery("greenlets", broker="memory://", backend="cache+memory://")
app.conf.task_always_eager = True

def count(**options):
    for _ in track(range(20), **options):
        gevent.sleep(0)

def report(recorder):
    for number in range(21):
        recorder.set_progress(number, 20)

@app.task(bind=True)
def task(self):
    {work}

with suppress({expected}):
    task.apply_async(task_id="greenlets")
assert flush(5)
event = asyncio.run(MemoryStore.shared().read(["greenlets"]))["greenlets"]
print(event.state, event.current, event.total)
"""


def run(work, expected=""):
    """Run a task with this code in a new process, which prints the task's last event."""
    code = PROCESS.format(work=textwrap.dedent(work), expected=expected)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)


@pytest.mark.parametrize(
    "work",
    [
        "gevent.spawn(count, task=self).join()",
        "gevent.spawn(report, ProgressRecorder(self)).join()",
        "gevent.spawn(lambda: report(ProgressRecorder(self))).join()",
        "gevent.joinall([gevent.spawn(count, task=self) for _ in range(3)])",
    ],
)
def test_a_greenlet_reports_for_the_task_that_is_passed_to_it(work):
    done = run(work)
    assert (done.stdout, done.stderr) == ("SUCCESS 20 20\n", "")


def test_a_report_of_a_greenlet_without_a_task_logs_how_to_pass_the_task():
    done = run("gevent.spawn(count).join()")
    assert done.stdout == "SUCCESS 0 None\n"
    [line] = done.stderr.splitlines()
    assert "track(rows, task=self)" in line


def test_a_task_that_a_timeout_of_gevent_ends_has_failed():
    """Celery before 5.7 sends no signal of failure when it ends a greenlet by its time limit."""
    done = run("count(task=self); raise gevent.Timeout(1)", "gevent.Timeout")
    assert (done.stdout, done.stderr) == ("FAILURE 20 20\n", "")


@pytest.fixture
def start_worker(valkey, tmp_path):
    """Start a worker with this pool, which takes the tasks of one queue."""

    def start(pool):
        options = ("-c", "10", "-Q", pool)
        env = {"TEST_REDIS_URL": f"{valkey.connection_url}/0"}
        worker = Worker(
            tmp_path, broker=app.conf.broker_url, env=env, pool=pool, options=options, name=pool
        )
        workers.append(worker)
        worker.start()
        # It says that it is ready before it listens to revoke().
        ping = {"destination": [f"{pool}@scenario"], "reply": True, "limit": 1, "timeout": 0.5}
        worker.wait_for(lambda: app.control.broadcast("ping", **ping))

    workers = []
    yield start
    for worker in workers:
        worker.kill()


def break_off(pool, **options):
    task = app.tasks["tests.support.celery.break_off"]
    task.apply_async(("sleep",), queue=pool, **options)


async def test_a_hard_time_limit_ends_a_greenlet_at_once(start_worker, watch):
    start_worker("gevent")
    task_id = str(uuid4())
    watched = watch(task_id)
    break_off("gevent", task_id=task_id, time_limit=1)
    end = await watched.until(lambda event: event.complete or event.stalled)
    assert (end.state, end.current) == (State.FAILURE, 3)


@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
async def test_a_greenlet_that_is_revoked_is_cancelled_at_once(start_worker, watch, pool):
    start_worker(pool)
    task_id = str(uuid4())
    watched = watch(task_id)
    break_off(pool, task_id=task_id)
    await watched.until(lambda event: event.state is State.PROGRESS)
    app.control.revoke(task_id, terminate=True)
    end = await watched.until(lambda event: event.complete or event.stalled)
    assert (end.state, end.current) == (State.REVOKED, 3)
