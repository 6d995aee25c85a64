"""PROGRESS in Celery's result backend: which states it replaces, and that it delays no task."""

import gc
import subprocess
import sys
import textwrap
import threading
import time
from uuid import uuid4

import pytest
from celery import Celery
from celery.contrib.abortable import AbortableAsyncResult
from celery.exceptions import SoftTimeLimitExceeded
from celery.result import AsyncResult

from progress.store import result_backend
from progress.store.result_backend import (
    Trouble,
    read_outcome,
    recorded_outcome,
    write_progress,
)

META = {"current": 1, "total": 2}


@pytest.fixture
def task(valkey):
    """A task, as its own code sees it; the tests' Redis server keeps its results."""
    url = f"{valkey.connection_url}/1"
    app = Celery("results", broker=url, backend=url, set_as_current=False)

    @app.task(bind=True, name="results.task", shared=False)
    def task(self):
        """Nothing."""

    task.push_request(id=str(uuid4()))
    yield task
    task.pop_request()
    app.close()


def write(task):
    write_progress(task, task.request, META, Trouble())


def state(task):
    return task.backend.get_task_meta(task.request.id, cache=False)["status"]


@pytest.mark.parametrize("before", [None, "PENDING", "STARTED", "PROGRESS"])
@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
def test_progress_replaces_celerys_own_states(task, before):
    if before:
        task.backend.store_result(task.request.id, {}, before, request=task.request)
    write(task)
    assert state(task) == "PROGRESS"


@pytest.mark.parametrize("before", ["SUCCESS", "ABORTED", "HALFWAY", "RETRY"])
@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
def test_progress_replaces_no_other_state(task, before):
    result = ValueError("x") if before == "RETRY" else {}
    task.backend.store_result(task.request.id, result, before, request=task.request)
    write(task)
    assert state(task) == before


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
def test_a_state_written_between_check_and_write_stays(task, monkeypatch):
    write(task)
    quick = task.app._progress_quick
    decode = type(quick).decode_result

    def aborted_meanwhile(backend, payload):
        AbortableAsyncResult(task.request.id, app=task.app).abort()
        return decode(backend, payload)

    monkeypatch.setattr(quick, "decode_result", lambda payload: aborted_meanwhile(quick, payload))
    write(task)
    assert state(task) == "ABORTED"


@pytest.mark.parametrize("where", ["settings", "task", "result"])
def test_a_site_or_a_task_can_turn_progress_off(task, settings, where):
    if where == "settings":
        settings.PROGRESS_RESULT_BACKEND = False
    elif where == "task":
        task.progress_meta = False
    else:
        task.request.ignore_result = True
    try:
        write(task)
    finally:
        if where == "task":
            del task.progress_meta
    assert state(task) == "PENDING"


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
def test_an_outcome_of_the_ids_former_task_is_not_read(task, monkeypatch):
    monkeypatch.setattr(result_backend, "current_app", task.app)
    before = time.time()
    task.backend.store_result(task.request.id, 1, "SUCCESS", request=task.request)
    assert read_outcome(task.request.id, since=before).state == "SUCCESS"
    assert read_outcome(task.request.id, since=time.time() + 1).state == "UNKNOWN"


def test_a_failed_write_of_one_task_does_not_pause_other_tasks(task):
    mine, others = Trouble(), Trouble()
    write_progress(task, task.request, {"current": object()}, mine)
    assert mine.lasts
    write_progress(task, task.request, META, others)
    assert (state(task), others.lasts) == ("PROGRESS", False)


@pytest.mark.parametrize("backend", [None, "disabled://"])
def test_a_site_without_a_result_backend_gets_no_warnings_about_it(caplog, backend):
    app = Celery("none", backend=backend, set_as_current=False)
    trouble = Trouble()
    write_progress(app.task(nothing, name="none.task", shared=False), Request(), META, trouble)
    assert (trouble.lasts, caplog.text) == (False, "")


def test_with_rpc_progress_goes_to_the_queue_of_the_sender(valkey, monkeypatch):
    """The worker cannot read the sender's queue, and must not declare a queue of its own."""
    app = Celery("rpc", broker=f"{valkey.connection_url}/1", backend="rpc://", set_as_current=False)
    sender = AsyncResult("a", app=app)
    with app.producer_or_acquire() as producer:
        app.backend.on_task_call(producer, "a")  # as apply_async() does
    trouble = Trouble()
    task = app.task(nothing, name="rpc", shared=False)
    write_progress(task, Request(app.thread_oid), META, trouble)
    assert (sender.state, sender.info, trouble.lasts) == ("PROGRESS", META, False)
    monkeypatch.setattr("progress.store.result_backend.current_app", app)
    assert recorded_outcome("a") is None
    app.close()


def nothing():
    """The body of a task that does nothing."""


class Request:
    """The attributes of a Celery request that a write reads."""

    id = correlation_id = "a"
    is_eager = ignore_result = False
    retries, group, children, parent_id = 0, None, (), None

    def __init__(self, reply_to=None):
        self.reply_to = reply_to


def test_all_threads_of_a_process_write_over_the_same_connections(task, raw):
    write(task)
    gc.collect()  # earlier tests' connections
    before = raw.info("clients")["connected_clients"]
    turn, done, counted = threading.Lock(), threading.Barrier(6), threading.Event()
    request = task.request  # a thread has no request of its own

    def report():
        with turn:
            write_progress(task, request, META, Trouble())
        done.wait(10)
        counted.wait(10)  # Celery's backend of a thread lives as long as the thread

    threads = [threading.Thread(target=report) for _ in range(5)]
    for thread in threads:
        thread.start()
    done.wait(10)
    try:
        assert raw.info("clients")["connected_clients"] <= before
    finally:
        counted.set()
        for thread in threads:
            thread.join()


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
@pytest.mark.parametrize(("thread", "after"), [("own", "PROGRESS"), ("another", "RETRY")])
def test_only_the_tasks_own_thread_replaces_the_retry_of_an_earlier_attempt(task, thread, after):
    """When another thread writes, the stored RETRY may already be that of the present attempt."""
    task.backend.store_result(task.request.id, ValueError("x"), "RETRY", request=task.request)
    task.request.retries = 1
    task.request.progress_thread = threading.get_ident() if thread == "own" else -1
    write(task)
    assert state(task) == after


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
def test_the_soft_time_limit_reaches_the_task_from_within_a_write(task, monkeypatch):
    def stuck(*_):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr("progress.store.result_backend._set_over_ours", stuck)
    with pytest.raises(SoftTimeLimitExceeded):
        write(task)


SITE = """
import sqlite3, sys, time
import django
from celery import Celery
from django.conf import settings
from django.db import connection, transaction

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    INSTALLED_APPS=["django_celery_results"], USE_TZ=True, PROGRESS_REDIS_URL="memory://",
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
app = Celery("site", broker="memory://", backend="django-db")
@app.task(bind=True)
def task(self): pass
task.push_request(id="a")
from progress.store.result_backend import Trouble, write_progress

def state():
    return task.backend.get_task_meta("a", cache=False)["status"]

def write():
    began = time.monotonic()
    write_progress(task, task.request, {"current": 1}, Trouble())
    return time.monotonic() - began
"""


def run(path, code):
    """Run the code on a site whose results are in a database of Django's."""
    code = SITE + textwrap.dedent(code)
    command = [sys.executable, "-W", "ignore", "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_progress_is_written_to_a_django_database(tmp_path):
    said = run(tmp_path / "db", "write(); print(state(), connection.in_atomic_block)")
    assert said == "PROGRESS False\n"


def test_the_tasks_transaction_is_not_affected(tmp_path):
    """The task's transaction has locked SQLite before the write, and is committed afterwards."""
    code = """
    with transaction.atomic():
        connection.cursor().execute("CREATE TABLE mine (id)")
        seconds = write()
        connection.cursor().execute("INSERT INTO mine VALUES (1)")
    print(state(), connection.cursor().execute("SELECT count(*) FROM mine").fetchone(), seconds < 3)
    """
    assert run(tmp_path / "db", code) == "PENDING (1,) True\n"


def test_a_locked_database_does_not_delay_the_task(tmp_path):
    code = """
    other = sqlite3.connect(sys.argv[1], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    seconds = write()
    other.execute("ROLLBACK")
    print(seconds < 3, connection.is_usable())
    """
    assert run(tmp_path / "db", code) == "True True\n"


def test_a_custom_state_stays_in_a_database_too(tmp_path):
    code = """
    task.backend.store_result("a", None, "ABORTED")
    write()
    print(state())
    """
    assert run(tmp_path / "db", code) == "ABORTED\n"
