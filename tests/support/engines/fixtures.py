"""Fixtures that run a test in each engine."""

from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.support.engines import ENGINES, started, windows


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engines(tmp_path_factory):
    """Give a function that returns an engine by its name; each starts once in a run."""
    running = {}
    async with AsyncExitStack() as stack:

        async def running_engine(name):
            if name not in running:
                folder = tmp_path_factory.mktemp(name)
                running[name] = await stack.enter_async_context(started(name, folder))
            return running[name]

        yield running_engine


@pytest_asyncio.fixture(loop_scope="session", params=ENGINES)
async def engine(request, engines):
    """Each engine in turn."""
    return await engines(request.param)


@pytest.fixture
def complaints():
    """Parts of the console errors that the test causes on purpose."""
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(engine, complaints):
    """Open a window of the engine; an error in any of them fails the test."""
    async with windows(engine, complaints) as open_window:
        yield open_window


@pytest_asyncio.fixture(loop_scope="session")
async def window(open_window):
    """One window of the engine."""
    return await open_window()
