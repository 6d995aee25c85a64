"""The three rings of the suite: the ring of each test, and how long each ring took.

pure     the project's code and nothing else
process  one process, which may have a Valkey server and a database
real     other processes as well: workers, web servers, browsers, scripts

A test's ring follows from its folder and its fixtures; no test names it. A test outside of the real
ring fails when it starts a process, so the lists below cannot fall behind.
"""

import sys
from collections import Counter
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

RINGS = ("pure", "process", "real")
TESTS = Path(__file__).parents[1]
#: Folders and modules whose tests start processes themselves.
STARTING = (
    "demo",
    "engines",
    "faults",
    "frontend",
    "lifecycle",
    "mutations",
    "soak",
    "checks/test_first_bar.py",
    "checks/test_network.py",
    "checks/test_tasks.py",
    "client/test_terminal.py",
    "client/test_watching.py",
    "docs/test_embedding.py",
    "docs/test_first_bar.py",
    "docs/test_protocol.py",
    "docs/test_questions.py",
    "docs/test_scaling.py",
    "docs/test_security.py",
    "layers/test_redis_pubsub.py",
    "layers/test_sharding.py",
    "reporting/test_greenlets.py",
    "reporting/test_recorder.py",
    "reporting/test_unusual_tasks.py",
    "store/test_result_backend.py",
    "store/test_telling.py",
    "test_conformance.py",
    "test_dependencies.py",
    "test_imports.py",
    "test_pools.py",
    "test_standalone.py",
)
#: Fixtures that start processes, in whatever folder.
PROCESSES = {
    "chromium",
    "demo",
    "engines",
    "ground",
    "official",
    "scenario",
    "site",
    "web",
    "worker",
}
#: Fixtures that need a server or a database.
SERVERS = {"db", "transactional_db", "valkey"}
#: The modules that take longest on two idle cores, the longest first.
LONGEST = (
    "frontend/test_javascript.py",
    "browser/test_fallback.py",
    "docs/test_scaling.py",
    "engines/test_network.py",
    "demo/test_jobs.py",
    "access/test_changes.py",
    "test_conformance.py",
    "faults/test_workers.py",
    "hostile/test_requests.py",
    "demo/test_demo.py",
    "client/test_watching.py",
    "reporting/test_worker.py",
    "layers/test_sharding.py",
    "frameworks/test_frameworks.py",
    "hostile/test_frames.py",
    "browser/test_jobs.py",
    "hostile/test_wire.py",
)

_counts, _seconds = Counter(), Counter()


class Guard:
    """Lets a test outside of the real ring start no process."""

    def __init__(self):
        self._test = None

    @contextmanager
    def over(self, test):
        """Guard this test, or with None no test, for the length of the block."""
        before, self._test = self._test, test
        try:
            yield
        finally:
            self._test = before

    def audit(self, event, arguments):
        """The hook that Python calls before it starts a process."""
        if self._test is not None and event in {"subprocess.Popen", "os.fork", "os.posix_spawn"}:
            raise AssertionError(
                f"{self._test.nodeid} starts a process ({event} {arguments[:2]}), so it is in the "
                "real ring: add its module or its fixture to tests/support/rings.py"
            )


guard = Guard()
sys.addaudithook(guard.audit)


def pytest_addoption(parser):
    words = "the longest modules first, so that no worker of xdist waits for another at the end"
    parser.addoption("--longest-first", action="store_true", help=words)


def pytest_itemcollected(item):
    item.add_marker(ring(item))


@pytest.hookimpl(trylast=True)  # after the random order
def pytest_collection_modifyitems(config, items):
    if config.option.longest_first:
        items.sort(key=_turn)


def ring(item):
    """Which of the three the test is in."""
    module = item.path.relative_to(TESTS)
    starting = any(module.is_relative_to(each) for each in STARTING)
    if starting or PROCESSES.intersection(item.fixturenames):
        return "real"
    return "process" if SERVERS.intersection(item.fixturenames) else "pure"


def _turn(item):
    module = str(item.path.relative_to(TESTS))
    if module in LONGEST:
        return LONGEST.index(module)
    return len(LONGEST) + (ring(item) != "real")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    with guard.over(None if item.get_closest_marker("real") else item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef):
    """The Valkey server of the run may start in any test."""
    with guard.over(None) if fixturedef.argname == "valkey" else nullcontext():
        return (yield)


def pytest_runtest_logreport(report):
    for name in RINGS:
        if name in report.keywords:
            _seconds[name] += report.duration
            _counts[name] += report.when == "call"


def pytest_terminal_summary(terminalreporter):
    if _counts.total():
        told = [f"{name} {_counts[name]:,} in {_seconds[name]:.0f} s" for name in RINGS]
        terminalreporter.write_line(f"tests by ring: {', '.join(told)} (of all workers together)")
