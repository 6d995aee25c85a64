"""Each frame that a real server sends, of tasks that really report, is as the documents say."""

import asyncio
import json
from contextlib import ExitStack
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import httpx
import pytest
import websockets

from progress import make_token, protocol, recheck
from progress.access.tokens import read_token
from progress.events import Event, State
from progress.hub.outbox import Frames
from progress.layers import redis_layer
from progress.protocol import Code
from progress.reporting.current import current_publisher
from tests.docs.document import MESSAGES, answers, follow, kinds
from tests.docs.site import Site
from tests.support.script import watch

QUICK = {"HEARTBEAT": 0.3, "STALLED_AFTER": 1.0, "RECONCILE": 0.3, "SUBSCRIPTIONS": 2}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with ExitStack() as stack:
        yield Site(stack, tmp_path_factory.mktemp("protocol"), **QUICK)


@pytest.fixture
def publishes(site, settings):
    """What the test's own process publishes reaches the site."""
    settings.PROGRESS_REDIS_URL = site.store.url()
    settings.PROGRESS_HEARTBEAT = QUICK["HEARTBEAT"]
    settings.CHANNEL_LAYERS = {"default": redis_layer(site.store.url())}


async def until(socket, condition):
    """The first frame of which the condition holds; each one is as documented."""
    async with asyncio.timeout(20):
        while not condition(frame := held(await socket.recv())):
            pass
    return frame


def held(text):
    """The frame, which is one kind of message and says nothing that is not documented."""
    frame = json.loads(text)
    [kind] = kinds("task", frame)
    assert kinds("tasks", frame) == [kind]
    assert set(frame) <= set(follow(MESSAGES[kind]["payload"])["properties"])
    return frame


def in_state(state):
    return lambda frame: frame.get("state") == state


async def test_the_states_of_a_task_are_told_as_documented(site, publishes):
    task_id = "a/é 1"
    async with websockets.connect(site.addresses(task_id)["websocket_url"]) as socket:
        await until(socket, in_state("UNKNOWN"))
        current_publisher().say(Event(task_id=task_id, state=State.PENDING))
        await until(socket, in_state("PENDING"))
        run = current_publisher().open(task_id)
        await until(socket, in_state("STARTED"))
        current_publisher().conclude(run, State.RETRY, error="Again.")
        assert (await until(socket, in_state("RETRY")))["error"] == "Again."
        run = current_publisher().open(task_id, attempt=2)
        assert (await until(socket, in_state("STARTED")))["attempt"] == 2
        current_publisher().conclude(run, State.SUCCESS)
        await until(socket, in_state("SUCCESS"))


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("count", (3, 0.2), {"state": "SUCCESS", "current": 3, "result": None}),
        ("silent", (), {"state": "SUCCESS", "total": None, "percent": None}),
        ("public", (), {"state": "SUCCESS", "result": {"url": "/report"}}),
        ("fail", ("public",), {"state": "FAILURE", "current": 3, "error": "No such file."}),
        ("fail", ("private",), {"state": "FAILURE", "error": "The task failed."}),
        ("retry", (1,), {"state": "SUCCESS", "attempt": 2}),
        ("break_off", ("reject",), {"state": "FAILURE"}),
    ],
)
async def test_what_a_worker_tells_is_as_documented(site, name, arguments, told):
    known = site.start(name, *arguments)
    events, code = await watch(known["websocket_url"])
    for event in events:
        held(json.dumps(event))
    assert (told.items() <= events[-1].items(), code) == (True, 1000)
    status, state = await asyncio.to_thread(ask, known["status_url"])
    assert (status, state) == (200, events[-1])
    assert answers("state", status, state) == ["state"]


async def test_a_stalled_task_is_told_as_documented(site):
    known = site.start("quiet", 4)
    async with websockets.connect(known["websocket_url"]) as socket:
        await until(socket, in_state("PROGRESS"))
        with site.worker.frozen():
            await until(socket, lambda frame: frame.get("stalled") is True)
        await until(socket, lambda frame: frame.get("stalled") is False)
        await until(socket, in_state("SUCCESS"))


async def test_a_ping_is_as_documented():
    watcher = Frames()
    watcher.ping(watcher.sent_at + protocol.PING_AFTER)
    text, _ = await anext(watcher)
    assert held(text)["type"] == "ping"


async def test_a_renewed_token_is_as_documented(site, publishes, settings):
    settings.PROGRESS_TOKEN_LIFETIME = 60  # of which more than half is over for the server
    async with websockets.connect(site.addresses("renewed")["websocket_url"]) as socket:
        await until(socket, in_state("UNKNOWN"))
        recheck(task="renewed")
        frame = await until(socket, lambda frame: frame["type"] == "token")
    assert read_token(frame["token"]).task_id == "renewed"


def subscribe(task_id, **more):
    return json.dumps({"type": "subscribe", "task_id": task_id, **more})


async def test_each_error_is_as_documented(site):
    async with websockets.connect(site.socket_url) as socket:
        for sent in [
            "nonsense",
            subscribe("a"),
            *(subscribe(id_, token=good(id_)) for id_ in "bcd"),
        ]:
            await socket.send(sent)
        seen = {}
        while set(seen) != set(Code):
            error = await until(socket, lambda frame: frame["type"] == "error")
            seen[error["code"]] = error.get("task_id")
    assert seen == {Code.BAD_REQUEST: None, Code.FORBIDDEN: "a", Code.TOO_MANY: "d"}


async def test_a_subscription_outlives_a_refused_second_one(site, publishes):
    async with websockets.connect(site.socket_url) as socket:
        await socket.send(subscribe("kept", token=good("kept")))
        await until(socket, in_state("UNKNOWN"))
        await socket.send(subscribe("kept"))
        assert (await until(socket, lambda frame: frame["type"] == "error"))["code"] == "forbidden"
        current_publisher().open("kept")
        await until(socket, in_state("STARTED"))


def good(task_id):
    return make_token(task_id)


def ask(url, method="GET", **headers):
    """Status and JSON of the answer."""
    try:
        with urlopen(Request(url, method=method, headers=headers), timeout=20) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            text = error.read()
            is_json = error.headers["Content-Type"] == "application/json"
            return error.code, json.loads(text) if is_json else text


@pytest.mark.parametrize(
    ("channel", "path", "method"),
    [("state", "", "GET"), ("events", "events", "GET"), ("cancel", "cancel/", "POST")],
)
def test_a_refusal_over_http_is_as_documented(site, channel, path, method):
    bearer = {"Authorization": f"Bearer {good('another')}"}
    status, answer = ask(f"{site.url}/progress/a/{path}", method, **bearer)
    assert (status, answers(channel, status, answer)) == (403, ["refusal"])


def test_an_event_stream_is_as_documented(site):
    known = site.start("count", 5, 0.2)
    with urlopen(known["events_url"], timeout=20) as response:
        assert response.headers.get_content_type() == "text/event-stream"
        text = response.read().decode()
    retry, *chunks, rest = text.split("\n\n")
    assert (retry, rest) == ("retry: 1000", "")
    for chunk in chunks:
        mark, data = chunk.split("\n")
        event = held(data.removeprefix("data: "))
        assert mark == f"id: {event['version']}"
        assert kinds("events", event) == ["event"]
    assert event["state"] == "SUCCESS"
    assert told_again(known, event["version"]) == (204, b"")
    assert told_again(known, event["version"] - 1)[1].endswith(f"{chunk}\n\n".encode())


def told_again(known, version):
    """Status and body of the answer to who has this version already."""
    headers = {"Last-Event-ID": str(version), "Authorization": f"Bearer {known['token']}"}
    url, _, _ = known["events_url"].partition("?")
    with urlopen(Request(url, headers=headers), timeout=20) as response:
        return response.status, response.read()


async def test_an_event_stream_renews_its_token_as_documented(site, publishes, settings):
    settings.PROGRESS_TOKEN_LIFETIME = 60
    url = site.addresses("streamed")["events_url"]
    async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
        lines = response.aiter_lines()
        data = (line.removeprefix("data: ") async for line in lines if line.startswith("data: "))
        async with asyncio.timeout(20):
            assert json.loads(await anext(data))["state"] == "UNKNOWN"
            recheck(task="streamed")
            frame = json.loads(await anext(data))
    assert kinds("events", frame) == ["token"]


def test_cancelling_is_answered_as_documented(site):
    bearer = {"Authorization": f"Bearer {make_token('none', actions=['cancel'])}"}
    status, answer = ask(f"{site.url}/progress/none/cancel/", "POST", **bearer)
    assert (status, answers("cancel", status, answer)) == (202, ["cancelled"])


def test_another_method_or_address_is_refused_as_documented(site):
    assert ask(f"{site.url}/progress/a/", "POST")[0] == 405
    assert ask(f"{site.url}/elsewhere/")[0] == 404
