"""People, tasks and what every cell of the matrix must hold to; at the end the cells counted."""

import logging
import re
from collections import Counter
from contextlib import AsyncExitStack
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connections

from tests.access.doors import OWN, Visitor, news

TOKEN = re.compile(r"(WyJ|\.e)[\w-]{30,}")  # how signed and compressed lists begin
CELLS = Counter()


@pytest.fixture(autouse=True)
def no_token_in_the_log(caplog):
    """Check after each test that no logger logged a token; the test's own client may."""
    caplog.set_level(logging.DEBUG)
    yield
    for when in ("setup", "call"):
        for record in caplog.get_records(when):
            ours = not record.name.startswith("websockets")
            assert not (ours and TOKEN.search(record.getMessage())), record.name


@pytest.fixture
async def people(redis_url, transactional_db):
    """Users by name; "member" and "inactive" are in the group "team"."""
    create, team = get_user_model().objects.acreate_user, await Group.objects.acreate(name="team")
    users = {name: await create(name, password="1") for name in ("owner", "other", "member")}
    users["staff"] = await create("staff", is_staff=True, is_superuser=True)
    users["inactive"] = await create("inactive", is_active=False)
    await team.user_set.aadd(users["member"], users["inactive"])
    yield SimpleNamespace(**users, team=team)
    await sync_to_async(connections.close_all)()


@pytest.fixture
async def task(hub):
    """The id of a running task."""
    await news("task-1")
    return "task-1"


@pytest.fixture
async def stack():
    """A stack of contexts that stay open until the end of the test."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def page(people):
    """The owner's browser, on a page of the site."""
    return await Visitor.signed_in(people.owner, OWN)


def pytest_runtest_logreport(report):
    if report.when == "call" and report.nodeid.startswith("tests/access/"):
        group = report.nodeid.split("::")[0].removeprefix("tests/access/test_")
        CELLS[group.removesuffix(".py")] += 1


def pytest_terminal_summary(terminalreporter):
    if CELLS:
        groups = ", ".join(f"{name} {count}" for name, count in sorted(CELLS.items()))
        terminalreporter.write_line(f"access matrix: {CELLS.total()} cells ({groups})")
