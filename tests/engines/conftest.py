"""The site, and the road from a browser to it, which a test can close."""

from contextlib import ExitStack

import pytest
import pytest_asyncio

from tests.engines.site import Site
from tests.faults.page import Road


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    with ExitStack() as stack:
        yield Site(stack, tmp_path_factory.mktemp("site"))


@pytest_asyncio.fixture(loop_scope="session")
async def road(site):
    """A proxy in front of the site."""
    async with Road(site.web.port).running() as road:
        road.url = f"http://127.0.0.1:{road.port}"
        yield road


FIGURES = {}


@pytest.fixture
def figures():
    """Give a function that returns a dictionary for what a test measures in an engine."""
    return lambda engine, count: FIGURES.setdefault((count, engine.name), {})


def pytest_terminal_summary(terminalreporter):
    """Print what was measured."""
    for (count, name), figure in sorted(FIGURES.items()):
        told = "; ".join(f"{what} {value:.2f}" for what, value in figure.items())
        terminalreporter.write_line(f"{count} bars in {name}: {told}")
