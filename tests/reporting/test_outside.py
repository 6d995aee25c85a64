"""A worker's parent process tells which of several executions of a task has ended."""

import pytest
from celery.worker import state
from celery.worker.request import Request
from kombu import Message

from progress.events import Event, State
from progress.reporting import current, outside
from tests.support.celery import app


def accepted(pid, *, retries=0):
    """Celery's request for an execution of task "a" that this process has begun."""
    headers = {"id": "a", "task": "tests.support.celery.count", "retries": retries}
    body = ([], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None})
    message = Message(
        headers=headers | {outside.PUBLISHED: 5}, body=body, content_type="application/json"
    )
    request = Request(message, app=app, hostname="here", decoded=True)
    outside.received(request)
    state.task_reserved(request)
    request.on_accepted(pid, 0.0)
    return request


@pytest.mark.parametrize(
    "second", [{"pid": 72}, {"pid": 71, "retries": 1}], ids=["a second delivery", "a retry"]
)
async def test_the_failure_of_an_earlier_execution_does_not_end_the_next_one(store, second):
    earlier, later = accepted(71), accepted(**second)
    runs = Event(
        task_id="a",
        state=State.STARTED,
        published=5,
        attempt=second.get("retries", 0) + 1,
        worker=outside.worker_name("here", second["pid"]),
    )
    await store.put([runs])
    state.task_ready(earlier)
    outside.failed("a", "Too long.")
    current.flush(5)
    assert (await store.read(["a"]))["a"].state is State.STARTED
    state.task_ready(later)
    outside.failed("a", "Too long.")
    current.flush(5)
    assert (await store.read(["a"]))["a"].state is State.FAILURE


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
@pytest.mark.parametrize("recorded", ["SUCCESS", "FAILURE"])
@pytest.mark.parametrize("end", ["terminated", "lost"])
async def test_a_child_that_stored_success_just_before_its_end_has_succeeded(store, recorded, end):
    request = accepted(71)
    await store.put([Event(task_id="a", state=State.STARTED, published=5)])
    if recorded == "SUCCESS":
        app.backend.mark_as_done("a", None)
    else:  # Celery overwrites a FAILURE
        app.backend.mark_as_failure("a", RuntimeError())
    if end == "terminated":
        outside.revoked(request._context, terminated=True)
    else:
        outside.failed("a", "Too long.")
    current.flush(5)
    other = State.REVOKED if end == "terminated" else State.FAILURE
    expected = State.SUCCESS if recorded == "SUCCESS" else other
    assert (await store.read(["a"]))["a"].state is expected
    app.backend.forget("a")
