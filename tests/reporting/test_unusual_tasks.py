"""Unusual ends of tasks: the bar must show what Celery records."""

import warnings
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from celery.contrib.abortable import AbortableAsyncResult

from progress.events import State
from tests.reporting import unusual_tasks
from tests.reporting.unusual_tasks import app
from tests.support.parts import Worker

PIECES = {"add_up", "failing"}  # the steps of tasks that replace another task


@pytest.fixture(scope="module")
def worker(valkey, tmp_path_factory):
    """Start a worker of these tasks; return its log file."""
    env = {"TEST_REDIS_URL": f"{valkey.connection_url}/0"}
    folder = tmp_path_factory.mktemp("worker")
    with Worker(folder, broker=app.conf.broker_url, env=env, app=unusual_tasks.__name__) as worker:
        yield worker.log


@pytest.fixture
def start(worker, watch):
    """Start a task that has a watcher already."""

    def start(name, *args, **options):
        task_id = options.pop("task_id", None) or str(uuid4())
        watched = watch(task_id)
        watched.task_id = task_id
        watched.result = app.tasks[f"tests.reporting.unusual_tasks.{name}"].apply_async(
            args, task_id=task_id, **options
        )
        return watched

    return start


async def outcome(watched, state=None):
    event = await watched.until(lambda event: event.complete)
    assert not any(each.complete for each in watched.events[:-1])
    recorded = app.AsyncResult(watched.task_id).state
    assert recorded in (event.state, state), (event, recorded)
    return event


@pytest.mark.parametrize("how", ["signature", "chain", "group", "chord"])
async def test_a_replaced_task_ends_as_its_replacement_does(start, how):
    event = await outcome(start("replaced", how))
    assert event.state is State.SUCCESS


@pytest.mark.parametrize("how", ["failing group", "failing chain"])
async def test_a_replaced_task_fails_with_its_replacement(start, how):
    assert (await outcome(start("replaced", how))).state is State.FAILURE


async def test_an_ignored_task_is_shown_as_waiting(start):
    watched = start("ignored")
    event = await watched.until(lambda event: event.state is State.PENDING and event.run)
    assert (event.complete, event.stalled, event.total) == (False, False, None)


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
async def test_the_outcome_that_an_ignored_task_stored_is_shown(start, state):
    assert (await outcome(start("ignored", state))).state == state


async def test_a_custom_state_is_not_an_outcome(start):
    watched = start("ignored", "HALFWAY")
    event = await watched.until(lambda event: event.state is State.PENDING and event.run)
    assert app.AsyncResult(event.task_id).state == "HALFWAY"


async def test_a_task_that_goes_back_to_the_queue_waits_and_then_ends(start):
    assert (await outcome(start("requeued"))).state is State.SUCCESS


async def test_a_task_that_no_worker_knows_fails_at_once(worker, watch):
    watched = watch("nobody")
    watched.task_id = "nobody"
    app.send_task("jobs.not_there_any_more", task_id="nobody", queue="unusual")
    event = await outcome(watched)
    assert (event.state, event.error) == (State.FAILURE, "No worker knows this task.")


async def test_a_task_that_is_cancelled_between_its_attempts_is_cancelled(start):
    watched = start("retried_late")
    await watched.until(lambda event: event.state is State.RETRY)
    app.control.revoke(watched.task_id)
    app.send_task("tests.reporting.unusual_tasks.retried_late", task_id=watched.task_id, retries=1)
    assert (await outcome(watched)).state is State.REVOKED


async def test_every_retried_task_ends_with_its_failure(start):
    many = [start("flaky") for _ in range(20)]
    for watched in many:
        event = await outcome(watched)
        assert (event.state, event.attempt) == (State.FAILURE, 3)


@pytest.mark.parametrize("how", ["track", "recorder", "executor", "to_thread", "function", "apply"])
async def test_threads_processes_and_nested_calls_report_for_their_task(start, how):
    watched = start("elsewhere", how)
    await outcome(watched)
    shown = watched.events[-1]
    assert (shown.current, shown.total) == (20, 20)
    if how in ("track", "recorder", "executor"):
        assert shown.description == "Elsewhere"
        assert app.AsyncResult(watched.task_id).result == "PROGRESS"


async def test_a_running_task_can_see_that_it_was_aborted(start):
    watched = start("abortable")
    await watched.until(lambda event: event.current == 3)
    with warnings.catch_warnings(action="ignore"):  # Celery calls a deprecated method of redis-py
        AbortableAsyncResult(watched.task_id, app=app).abort()
    event = await outcome(watched)
    assert event.state is State.SUCCESS
    assert app.AsyncResult(watched.task_id).result == "aborted"


async def test_a_description_is_translated_when_it_is_reported(start):
    event = await outcome(start("translated"))
    assert (event.description, event.error) == ("Montag", "Dienstag")


async def test_celery_logs_a_public_error_as_an_expected_one(start, worker):
    watched = start("translated")
    await outcome(watched)
    logged = [line for line in worker.read_text().splitlines() if watched.task_id in line]
    assert [line for line in logged if "raised expected: PublicError" in line]
    assert not [line for line in logged if "unexpected" in line]


async def test_a_reused_id_shows_the_new_task(start):
    task_id = f"again-{uuid4()}"
    first = await outcome(start("count", 3, task_id=task_id))
    watched = start("count", 5, task_id=task_id)
    second = await watched.until(lambda event: event.complete and event.version > first.version)
    assert (first.current, second.current) == (3, 5)
    assert second.published > first.published


@pytest.mark.parametrize("how", ["fork", "spawn"])
async def test_only_one_of_two_processes_that_a_task_starts_is_shown(start, how):
    watched = start("pooled", how)
    end = await outcome(watched)
    assert (end.state, end.current) == (State.SUCCESS, 40)
    names = [event.description for event in watched.events if event.description in ("One", "Two")]
    changes = sum(one != other for one, other in pairwise(names))
    assert names, "neither has reported"
    assert changes <= 1, names


async def test_a_time_limit_is_shown_as_the_error(start):
    event = await outcome(start("slow", time_limit=1))
    assert event.error == "The task took too long and was stopped."


async def test_the_soft_time_limit_ends_a_task_whose_rows_are_being_counted(start):
    event = await outcome(start("slow_rows", soft_time_limit=1))
    assert (event.state, event.error) == (State.FAILURE, "The task took too long and was stopped.")


async def test_a_task_that_expects_one_class_of_exceptions_reports(start):
    event = await outcome(start("picky"))
    assert (event.state, event.current) == (State.FAILURE, 3)


@pytest.mark.parametrize("when", ["inf", "nan", "1e300"])
async def test_a_retry_with_an_infinite_countdown_is_shown(start, when):
    watched = start("retried_by_hand", when)
    await watched.until(lambda event: event.state is State.RETRY)


@pytest.mark.parametrize("stamp", [2**60, -5, True, "7", None], ids=str)
@pytest.mark.parametrize("retries", [1, -5, 2**60], ids=str)
async def test_forged_headers_of_a_message_do_no_harm(start, stamp, retries):
    odd = start("count", 3, retries=retries, headers={"progress_published": stamp})
    event = await outcome(odd)
    assert (event.state, event.current) == (State.SUCCESS, 3)
    assert (await outcome(start("count", 4))).current == 4


async def test_a_task_that_is_sent_as_a_second_attempt_is_shown_as_waiting(start):
    watched = start("count", 3, retries=1, countdown=1)
    assert (await watched.until(lambda event: event.version)).state is State.PENDING
    assert (await outcome(watched)).attempt == 2


async def test_an_inner_task_with_the_id_of_its_caller_does_not_end_the_caller(start):
    event = await outcome(start("calls_itself"))
    assert (event.current, event.total, event.description) == (4, 4, "Outer again")


@pytest.mark.promise(10)
async def test_the_result_backend_has_the_progress_of_a_second_attempt(start):
    watched = start("retried_once")
    await outcome(watched)
    assert watched.result.result == "PROGRESS"


def test_every_unusual_task_has_a_test():
    names = {name.rpartition(".")[2] for name in app.tasks if "unusual_tasks" in name}
    text = Path(__file__).read_text()
    assert {name for name in names - PIECES if f'start("{name}"' not in text} == set()
