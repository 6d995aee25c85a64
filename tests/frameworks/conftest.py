"""A site with the pages, and windows that show them."""

import json

import pytest
import pytest_asyncio

from tests.frameworks.jobs import Jobs
from tests.frameworks.page import Page
from tests.frameworks.pages import modules
from tests.support.engines import ENGINES
from tests.support.parts import Web


@pytest.fixture(scope="session")
def site(valkey, tmp_path_factory):
    """The address of a web server with the pages."""
    folder = tmp_path_factory.mktemp("frameworks")
    for name, text in modules().items():
        (folder / name).write_text(text)
    env = {
        "TEST_REDIS_URL": f"{valkey.connection_url}/0",
        "TEST_SETTINGS": json.dumps({"ROOT_URLCONF": "tests.frameworks.site"}),
        "TEST_FRAMEWORKS": folder,
    }
    with Web(folder, env=env) as web:
        yield f"http://127.0.0.1:{web.port}"


@pytest.fixture
def jobs(site, redis_url):
    with Jobs(site).running() as jobs:
        yield jobs


QUICK = "chromium"
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ENGINES if name != QUICK]


@pytest_asyncio.fixture(loop_scope="session", params=[QUICK, *SLOW])
async def engine(request, engines):
    """Each engine in turn; `make test` runs one."""
    return await engines(request.param)


@pytest_asyncio.fixture(loop_scope="session")
async def page(window, site, jobs):
    """One window, in which no page is open yet."""
    return Page(window, site, jobs)
