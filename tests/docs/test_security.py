"""The Redis user of docs/security.md may do what a task and its watchers need, and no more."""

import re
import shlex
from pathlib import Path

import pytest
import redis
from celery import Celery

from progress.layers.groups import group_name
from tests.support import rights
from tests.support.parts import Server, Web, Worker
from tests.support.script import watch

DOCUMENT = Path(__file__).parents[2] / "docs/security.md"


@pytest.fixture
def server(tmp_path):
    """A Redis server that knows the document's user."""
    [line] = re.findall(r"^user (.+)$", DOCUMENT.read_text(), re.M)
    with Server(tmp_path) as server:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", *shlex.split(line))
        yield server


@pytest.fixture
def url(server):
    return f"redis://progress:CHANGE-ME@127.0.0.1:{server.port}/0"


async def test_the_redis_user_may_do_what_a_watched_task_needs(tmp_path, server, url):
    folder = tmp_path / "site"
    folder.mkdir()
    with Server(folder) as other, Celery(broker=other.url(), set_as_current=False) as celery:
        env, broker = {"TEST_REDIS_URL": url}, other.url()
        with (
            Worker(folder, broker=broker, env=env),
            Web(folder, env={**env, "TEST_BROKER_URL": broker}) as web,
        ):
            arguments = {"args": (10, 0.1), "task_id": "allowed", "queue": "tests"}
            celery.send_task("tests.support.celery.count", **arguments)
            events, code = await watch(f"ws://127.0.0.1:{web.port}{rights.path('allowed')}")
    assert (events[-1]["state"], events[-1]["current"], code) == ("SUCCESS", 10, 1000)
    assert "PROGRESS" in {event["state"] for event in events}
    with server.client() as client:
        assert client.acl_log() == []


@pytest.mark.parametrize(
    "command",
    [("GET", "session:1"), ("KEYS", "*"), ("FLUSHALL",), ("PUBLISH", "other", "text")],
)
def test_the_redis_user_may_do_nothing_else(url, command):
    with redis.Redis.from_url(url) as client:
        client.publish(f"asgi__group__{group_name('a')}", "text")
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command)
