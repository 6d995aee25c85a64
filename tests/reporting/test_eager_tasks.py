"""Tasks that run eagerly, inside their caller."""

import gc

import pytest

from progress.exceptions import PublicError
from progress.reporting import current
from progress.reporting.runs import Run
from progress.store.memory import MemoryStore
from tests.support.celery import app, break_off, count, fail


@pytest.fixture(autouse=True)
def _eager():
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


async def test_an_eager_task_is_stored_in_memory():
    result = count.delay(5)
    assert result.get() == 5
    assert current.flush(5)
    event = (await MemoryStore.shared().read([result.id]))[result.id]
    assert (event.state, event.current) == ("SUCCESS", 5)


async def test_an_eager_task_is_stored_in_redis(store):
    result = count.delay(5)
    assert current.flush(5)
    event = (await store.read([result.id]))[result.id]
    assert (event.state, event.current, event.percent) == ("SUCCESS", 5, 100)


def test_an_eager_task_succeeds_while_redis_is_away(settings):
    settings.PROGRESS_REDIS_URL = "redis://127.0.0.1:1/0"
    assert count.delay(5).get() == 5


def test_an_eager_task_needs_no_settings(settings, caplog):
    settings.PROGRESS_REDIS_URL = ""
    assert count.delay(5).get() == 5
    assert "ERROR" not in caplog.text
    assert current._publisher is None


def test_a_task_that_is_called_as_a_function_reports_nothing_and_does_not_fail():
    assert count(5) == 5


async def test_an_eager_task_that_propagates_its_failure_shows_its_public_error(store):
    with pytest.raises(PublicError):
        fail.apply(("public",), task_id="a", throw=True)
    assert current.flush(5)
    event = (await store.read(["a"]))["a"]
    assert (event.state, event.current, event.error) == ("FAILURE", 3, "No such file.")


def test_tasks_that_never_report_are_not_remembered_after_their_end(redis_url):
    for _ in range(5):
        with pytest.raises(SystemExit):
            break_off.apply(("exit",))
    assert current.flush(5)
    gc.collect()
    runs = [each for each in gc.get_objects() if isinstance(each, Run) and each.task]
    assert sum(run.task.name == break_off.name for run in runs) <= 1
