"""One scenario for each row, and the table of results at the end."""

import asyncio
import fcntl
from contextlib import AsyncExitStack

import pytest

from tests.faults import table
from tests.faults.page import Chromium
from tests.support.scenario import Scenario

LINES = {}


@pytest.fixture
async def scenario(tmp_path, request):
    """The parts of one row; all of them end with the test."""
    async with AsyncExitStack() as stack:
        scenario = Scenario(stack, tmp_path)
        request.node.scenario = scenario
        yield scenario
        await asyncio.gather(*(watcher.close() for watcher in scenario.watchers))
        scenario.close()


@pytest.fixture
async def browser(tmp_path, chromium):
    """A Chromium of the test's own."""
    async with Chromium(tmp_path, chromium).driven() as browser:
        yield browser


def pytest_collection_modifyitems(config, items):
    """In parallel runs, begin with the rows that wait for minutes."""
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item):
    """The rows that load the machine come before all others."""
    long = any(marker.args[0] >= 240 for marker in item.iter_markers("timeout"))
    return item.get_closest_marker("alone") is None, not long


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Run the ``alone`` rows of a file one at a time; each waits before its clock starts."""
    if item.get_closest_marker("alone") is None:
        return (yield)
    with item.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Attach to each report what the table needs; xdist passes it to the main process."""
    told = call.when == "call" or call.excinfo is not None
    if item.get_closest_marker("row") is not None and told:
        item.user_properties[:] = [("fault", table.line(item))]
    return (yield)


def pytest_runtest_logreport(report):
    for name, line in report.user_properties:
        if name == "fault" and (report.when == "call" or report.outcome != "passed"):
            LINES[report.nodeid] = {**line, "outcome": report.outcome}


def pytest_terminal_summary(terminalreporter):
    if LINES:
        table.write(terminalreporter, LINES.values())
