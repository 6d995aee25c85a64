"""What greenlets report that a task starts, in a process of their own that gevent has patched."""

import subprocess
import sys
import textwrap

import pytest

from tests.support.processes import ROOT

PROCESS = """
from gevent import monkey
monkey.patch_all()

import asyncio
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

result = task.delay()
assert flush(5)
event = asyncio.run(MemoryStore.shared().read([result.id]))[result.id]
print(event.state, event.current, event.total)
"""


def run(work):
    """What a task shows in the end whose work is this, and what was logged."""
    code = PROCESS.format(work=textwrap.dedent(work))
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
def test_a_greenlet_reports_for_the_task_that_it_is_given(work):
    done = run(work)
    assert (done.stdout, done.stderr) == ("SUCCESS 20 20\n", "")


def test_a_greenlet_that_knows_no_task_is_told_how_to_pass_it():
    done = run("gevent.spawn(count).join()")
    assert done.stdout == "SUCCESS 0 None\n"
    [line] = done.stderr.splitlines()
    assert "track(rows, task=self)" in line
