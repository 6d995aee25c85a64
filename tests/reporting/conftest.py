"""A task that is being executed."""

import pytest

from tests.support.celery import app


@pytest.fixture
def task():
    """A task that Celery executes in this process."""
    task = app.tasks["tests.support.celery.count"]
    task.push_request(id="a", is_eager=False, retries=0, hostname="here")
    yield task
    task.pop_request()
