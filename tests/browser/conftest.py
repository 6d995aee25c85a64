"""Browser windows with the demo's pages."""

import pytest
import pytest_asyncio

from tests.support.browser import windows
from tests.support.wire import Wire


@pytest.fixture
def expected():
    """Parts of the console errors that the test causes on purpose."""
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser, demo, expected):
    """Open a page in a window of its own; an error in any of them fails the test."""
    async with windows(browser, demo, expected) as open_page:
        yield open_page


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page):
    """One window."""
    return await open_page()


@pytest_asyncio.fixture(loop_scope="session")
async def wire(page):
    """The server's end of that window's websocket, which the test controls."""
    return await Wire.of(page)
