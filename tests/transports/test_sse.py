"""The event stream: its frames, its end, and clients that do not read it."""

import asyncio
import json
from urllib.parse import quote

import pytest
from django.test import AsyncClient, Client

from progress import make_token
from progress.asgi import application
from progress.events import State
from progress.reporting import current
from progress.reporting.current import current_publisher
from progress.transports import sse
from progress.transports.sse import RETRY


def path(task_id):
    return f"/progress/{quote(task_id)}/events?token={make_token(task_id)}"


def open_run(task_id="a"):
    run = current_publisher().open(task_id)
    assert current.flush(5)
    return run


def frames(text):
    """The data of each frame, and its id if it has one."""
    for block in text.removeprefix(RETRY).split("\n\n")[:-1]:
        *mark, data = block.split("\n")
        yield json.loads(data.removeprefix("data: ")), [each.removeprefix("id: ") for each in mark]


async def whole(response):
    """Return everything that the stream sends until it ends."""
    async with asyncio.timeout(10):
        return b"".join([chunk async for chunk in response]).decode()


@pytest.mark.parametrize("task_id", ["a", "with space", "sla/sh", "100%*"])
async def test_a_stream_sends_a_tasks_events_until_its_outcome(hub, task_id):
    run = open_run(task_id)
    response = await AsyncClient().get(path(task_id))
    assert response["Content-Type"] == "text/event-stream"
    assert {"no-store", "no-transform"} <= set(response["Cache-Control"].split(", "))
    telling = asyncio.ensure_future(whole(response))
    async with asyncio.timeout(10):
        while task_id not in hub._topics or hub._topics[task_id].event is None:
            await asyncio.sleep(0)
    current_publisher().conclude(run, State.SUCCESS)
    text = await telling
    assert text.startswith(RETRY)
    told = list(frames(text))
    assert [event["state"] for event, _ in told] == ["STARTED", "SUCCESS"]
    assert all(mark == [str(event["version"])] for event, mark in told)
    assert hub._topics == {}


async def test_an_event_that_the_client_has_is_not_sent_again(hub):
    run = open_run()
    current_publisher().conclude(run, State.SUCCESS)
    assert current.flush(5)
    [(event, [mark])] = frames(await whole(await AsyncClient().get(path("a"))))
    again = await AsyncClient().get(path("a"), headers={"last-event-id": mark})
    assert (again.status_code, again.content) == (204, b"")
    older = {"last-event-id": str(int(mark) - 1)}
    [(same, _)] = frames(await whole(await AsyncClient().get(path("a"), headers=older)))
    assert same == event


@pytest.mark.parametrize("seen", ["", "x", "-1", "1.5", "9" * 20, "é"])
async def test_an_invalid_last_event_id_is_ignored(hub, seen):
    current_publisher().conclude(open_run(), State.SUCCESS)
    assert current.flush(5)
    response = await AsyncClient().get(
        path("a"), headers={"last-event-id": seen.encode().decode("latin-1")}
    )
    assert [event["state"] for event, _ in frames(await whole(response))] == ["SUCCESS"]


async def test_a_quiet_stream_is_pinged(hub, monkeypatch):
    monkeypatch.setattr("progress.hub.outbox.PING_AFTER", 0.1)
    open_run()
    response = await AsyncClient().get(path("a"))
    async with asyncio.timeout(10):
        async for chunk in response:
            if b'{"type":"ping"}' in chunk:
                break
    assert chunk == b'data: {"type":"ping"}\n\n'


def test_a_wsgi_server_answers_501(redis_url):
    response = Client().get(path("a"))
    assert response.status_code == 501
    assert "ASGI" in response.json()["detail"]


@pytest.mark.parametrize("method", ["post", "put", "delete", "head"])
async def test_a_stream_accepts_only_get(redis_url, method):
    assert (await getattr(AsyncClient(), method)(path("a"))).status_code == 405


class Reader:
    """A client of the application, which can stop reading or disconnect."""

    def __init__(self, task_id):
        where, _, query = path(task_id).partition("?")
        self.scope = {"type": "http", "method": "GET", "path": where, "headers": []}
        self.scope |= {"root_path": "/progress", "query_string": query.encode()}
        self.scope |= {"client": ["127.0.0.1", 4711]}
        self.told = []
        self.stuck, self.gone = asyncio.Event(), asyncio.Event()
        self.asked = False

    async def receive(self):
        if self.asked:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        self.asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message):
        self.told.append(message)
        if b"data: " in message.get("body", b""):
            self.stuck.set()
            await asyncio.Event().wait()


async def test_a_client_that_disconnects_leaves_nothing_behind(hub):
    open_run()
    reader = Reader("a")
    serving = asyncio.ensure_future(application(reader.scope, reader.receive, reader.send))
    await reader.stuck.wait()
    assert "a" in hub._topics
    reader.gone.set()
    await asyncio.wait_for(serving, 10)
    await left(hub)


@pytest.mark.promise(7)
async def test_the_stream_of_a_client_that_does_not_read_is_closed(hub, monkeypatch):
    monkeypatch.setattr(sse, "SLOW_AFTER", 0.2)
    open_run()
    reader = Reader("a")
    await asyncio.wait_for(application(reader.scope, reader.receive, reader.send), 10)
    await left(hub)


async def test_a_stream_that_the_server_never_begins_to_read_is_closed(hub, monkeypatch):
    monkeypatch.setattr(sse, "SLOW_AFTER", 0.2)
    open_run()
    response = await AsyncClient().get(path("a"))
    assert "a" in hub._topics
    await left(hub)
    assert [chunk async for chunk in response] in ([], [RETRY.encode()])


async def left(hub):
    """Wait until no object refers to the stream any more."""
    async with asyncio.timeout(10):
        while hub._topics or hub._outboxes or hub.rechecks._checked_at or hub.sockets._counts:
            await asyncio.sleep(0)
