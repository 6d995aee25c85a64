"""What sites with bars need besides their web server: a store, a broker and Celery's worker."""

import sys
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery

from tests.support.parts import Server, Worker
from tests.support.processes import ROOT

PYTHONS = {"5.2": sys.executable, "6.0": str(ROOT / ".venv/django-6.0/bin/python")}


class Tasks:
    """Starts tasks; ``env`` is the environment of a web server that shows them."""

    def __init__(self, celery, env):
        self.env = env
        self._celery = celery

    def start(self, total=200):
        """Start a task of so many steps, 30 ms each; its id."""
        task_id = str(uuid4())
        options = {"task_id": task_id, "queue": "tests"}
        self._celery.send_task("tests.support.celery.count", (total, 0.03), **options)
        return task_id


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worker")
    with ExitStack() as stack:
        server = stack.enter_context(Server(folder))
        env, broker = {"TEST_REDIS_URL": server.url()}, server.url(1)
        stack.enter_context(Worker(folder, broker=broker, env=env, options=("-c", "3")))
        celery = stack.enter_context(Celery(broker=broker, set_as_current=False))
        yield Tasks(celery, {**env, "TEST_BROKER_URL": broker})


def python_of(version):
    """The Python that has this version of Django."""
    python = PYTHONS[version]
    assert Path(python).exists(), "make .venv/.django-6.0 makes this environment"
    return python
