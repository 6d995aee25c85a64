"""Celery itself fails after a task's code has returned, as when a hook raises."""

import pytest

from progress.events import State
from progress.reporting import celery_signals
from progress.reporting.current import flush


@pytest.fixture
def task(task):
    """The task, whose record is removed after the test."""
    yield task
    task.backend.forget("a")


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
@pytest.mark.parametrize(
    ("recorded", "shown"),
    [("SUCCESS", State.SUCCESS), ("REVOKED", State.FAILURE), (None, State.FAILURE)],
)
async def test_a_revoke_in_the_record_is_not_the_end_of_a_task_whose_hook_raised(
    store, task, recorded, shown
):
    """Celery 5.6 records REVOKED when somebody asks for it, and the run goes on."""
    celery_signals.started(task_id="a", task=task)
    if recorded == "SUCCESS":
        task.backend.mark_as_done("a", None)
    elif recorded:
        task.backend.mark_as_revoked("a", "revoked")
    celery_signals.ended(task, state="SUCCESS")
    celery_signals.broken("a", RuntimeError("on_success raises"))
    assert flush(5)
    assert (await store.read(["a"]))["a"].state is shown
