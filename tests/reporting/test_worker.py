"""Celery's signals become events, with a real worker of two processes."""

import asyncio
from uuid import uuid4

import pytest
from celery.result import AsyncResult

from progress.events import State
from tests.support.celery import app
from tests.support.parts import Worker


@pytest.fixture(scope="session")
def worker(valkey, tmp_path_factory):
    """Start a worker of the tests' application; return its log file."""
    env = {"TEST_REDIS_URL": f"{valkey.connection_url}/0"}
    folder = tmp_path_factory.mktemp("worker")
    with Worker(folder, broker=app.conf.broker_url, env=env) as worker:
        yield worker.log


@pytest.fixture
def start(worker, watch):
    """Start a task that has a watcher already; return the watcher, which has the ``task_id``."""

    def start(task, *args, **options):
        task_id = str(uuid4())
        watched = watch(task_id)
        watched.task_id = task_id
        task.apply_async(args, task_id=task_id, **options)
        return watched

    return start


def task(name):
    return app.tasks[f"tests.support.celery.{name}"]


async def outcome(watched):
    return await watched.until(lambda event: event.complete)


def phases(watched):
    """Return the states that were seen, without repetitions."""
    states = [event.state for event in watched.events]
    return [state for n, state in enumerate(states) if n == 0 or states[n - 1] != state]


@pytest.mark.promise(1)
async def test_a_task_is_seen_from_start_to_end(start):
    watched = start(task("count"), 50, 0.01)
    end = await outcome(watched)
    assert phases(watched)[-2:] == [State.PROGRESS, State.SUCCESS]
    assert (end.current, end.total, end.description) == (50, 50, "Counting")
    assert end.result is None


async def test_a_recorder_can_be_passed_to_plain_code(start):
    end = await outcome(start(task("observe"), ["a", "b"]))
    assert (end.current, end.description) == (2, "Item 2")


async def test_a_task_that_never_reports_ends_properly(start):
    end = await outcome(start(task("silent")))
    assert (end.state, end.total, end.result) == (State.SUCCESS, None, None)


async def test_a_result_is_shown_only_if_the_task_declares_it(start):
    assert (await outcome(start(task("public")))).result == {"url": "/report"}


async def test_a_failed_task_keeps_its_counts_and_shows_its_public_error(start):
    end = await outcome(start(task("fail"), "public"))
    assert (end.state, end.current, end.total) == (State.FAILURE, 3, 10)
    assert end.error == "No such file."


async def test_the_text_of_an_exception_stays_in_the_worker(start):
    end = await outcome(start(task("fail"), "private"))
    assert end.error == "The task failed."
    assert "password" not in end.text()


@pytest.mark.promise(3)
async def test_a_retry_is_not_the_end_and_opens_a_new_run(start):
    watched = start(task("retry"), 2)
    end = await outcome(watched)
    assert (end.state, end.attempt) == (State.SUCCESS, 3)
    runs = [event.run for event in watched.events if event.run]
    assert runs == sorted(runs)
    assert len(set(runs)) >= 2
    assert not any(event.complete for event in watched.events[:-1])


@pytest.mark.parametrize(
    ("how", "state", "options"),
    [
        ("reject", State.FAILURE, {}),
        ("exit", State.FAILURE, {}),
        ("kill", State.FAILURE, {}),
        ("unserialisable", State.FAILURE, {}),
        ("sleep", State.FAILURE, {"soft_time_limit": 1}),
        ("sleep", State.FAILURE, {"time_limit": 1}),
    ],
)
async def test_each_kind_of_outcome_is_published_once_with_the_counts(start, how, state, options):
    watched = start(task("break_off"), how, **options)
    end = await outcome(watched)
    assert (end.state, end.current, end.description) == (state, 3, "Working")
    assert [event.complete for event in watched.events].count(True) == 1


async def test_a_running_task_that_is_revoked_is_cancelled(start):
    watched = start(task("break_off"), "sleep")
    await watched.until(lambda event: event.state is State.PROGRESS)
    app.control.revoke(watched.task_id, terminate=True)
    end = await outcome(watched)
    assert (end.state, end.current) == (State.REVOKED, 3)


async def test_an_expired_task_says_that_it_waited_too_long(start):
    end = await outcome(start(task("silent"), expires=-1))
    assert (end.state, end.error) == (State.REVOKED, "It waited too long and was not started.")


async def test_a_queued_task_is_shown_as_waiting(start):
    first, second = start(task("count"), 30, 0.01), start(task("count"), 30, 0.01)
    third = start(task("silent"))
    assert (await third.until(lambda event: event.version)).state is State.PENDING
    for watched in (first, second, third):
        await outcome(watched)


@pytest.mark.promise(10)
async def test_the_result_backend_has_the_progress_of_a_running_task(start):
    watched = start(task("count"), 40, 0.05)
    result = AsyncResult(watched.task_id, app=app)
    await watched.until(lambda event: event.current >= 30)
    state, info = result.state, result.info
    assert (state, info["total"], info["description"]) == ("PROGRESS", 40, "Counting")
    assert info["current"] >= 30 - 1.5 / 0.05 + 1  # written at least once a second
    assert info["current"] > 0
    await outcome(watched)
    assert await asyncio.to_thread(result.get, timeout=5) == 40


@pytest.mark.promise(10)
@pytest.mark.parametrize("error", ["public", "private"])
async def test_progress_never_replaces_an_outcome(start, error):
    watched = start(task("fail"), error)
    await outcome(watched)
    result = AsyncResult(watched.task_id, app=app)
    await asyncio.to_thread(result.get, timeout=5, propagate=False)
    assert result.state == "FAILURE"


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    ("name", "arguments", "state", "error"),
    [
        ("silent", (), State.SUCCESS, None),
        ("fail", ("public",), State.FAILURE, "No such file."),
        ("fail", ("private",), State.FAILURE, "The task failed."),
    ],
)
async def test_an_outcome_that_the_store_lost_is_found_in_the_result_backend(
    start, watch, raw, name, arguments, state, error
):
    watched = start(task(name), *arguments)
    await outcome(watched)
    raw.flushdb()
    late = watch(watched.task_id)
    end = await outcome(late)
    assert (end.state, end.error) == (state, error)


def test_the_worker_logs_no_error_or_warning(worker):
    complaints = ("Signal handler", "progress is", "Delivering", "is not written to", "are lost")
    assert not [words for words in complaints if words in worker.read_text()]
