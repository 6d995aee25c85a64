"""The websocket application: the frames that clients send, and the answers."""

import asyncio
import gc
import json
from unittest import mock

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator

from progress import conf, make_token
from progress.access.grants import Grants
from progress.access.handshakes import Handshake
from progress.events import Event, State
from progress.limits import CREDIT, PACE, paid_until
from progress.reporting.current import current_publisher
from progress.routing import websocket_urlpatterns
from progress.transports import consumers, writer
from progress.transports.consumers import ProgressConsumer
from progress.transports.dialogue import BAD_FRAMES

application = URLRouter(websocket_urlpatterns)


class Socket(WebsocketCommunicator):
    """A client of the application."""

    def __init__(self, path="/ws/progress/"):
        super().__init__(application, path)
        self.scope["client"] = ["127.0.0.1", 4711]

    async def __aenter__(self):
        assert (await self.connect())[0]
        return self

    async def __aexit__(self, *_):
        await self.disconnect()

    async def send(self, **frame):
        await self.send_text(json.dumps(frame))

    async def subscribe(self, task_id):
        await self.send(type="subscribe", task_id=task_id, token=make_token(task_id))

    async def send_text(self, text):
        await self.send_input({"type": "websocket.receive", "text": text})

    async def next(self):
        return json.loads(await self.receive_from(timeout=10))


@pytest.fixture(autouse=True)
def _hub(hub):
    """End the hub, which each socket needs, after each test."""


def open_run(task_id="a"):
    return current_publisher().open(task_id)


def end(run, state=State.SUCCESS, **more):
    current_publisher().conclude(run, state, **more)


@pytest.mark.parametrize("task_id", ["a", "with space", "sla/sh", "é\u202e*"])
async def test_the_address_of_one_task_sends_its_events_until_the_outcome(task_id):
    run = open_run(task_id)
    async with Socket(f"/ws/progress/{task_id}/?token={make_token(task_id)}") as socket:
        assert (await socket.next())["state"] in {"STARTED", "UNKNOWN"}
        end(run)
        while not (event := await socket.next())["complete"]:
            pass
        assert (event["task_id"], event["success"]) == (task_id, True)
        assert (await socket.receive_output(10)) == {"type": "websocket.close", "code": 1000}


async def test_a_late_watcher_gets_the_outcome_and_a_close():
    end(open_run(), State.FAILURE, error="No such file.")
    assert current_publisher().flush(5)
    async with Socket(f"/ws/progress/a/?token={make_token('a')}") as socket:
        assert (await socket.next())["error"] == "No such file."
        assert (await socket.receive_output(10))["type"] == "websocket.close"


async def test_many_tasks_are_watched_over_one_socket():
    runs = {task_id: open_run(task_id) for task_id in "abc"}
    async with Socket() as socket:
        for task_id in runs:
            await socket.subscribe(task_id)
        for run in runs.values():
            end(run)
        ended = set()
        while ended != set(runs):
            event = await socket.next()
            ended |= {event["task_id"]} if event["complete"] else set()
        current_publisher().say(Event(task_id="d", state=State.PENDING))
        await socket.subscribe("d")
        assert (await socket.next())["task_id"] == "d"


async def test_after_unsubscribing_no_event_of_the_task_is_sent():
    first, second = open_run("a"), open_run("b")
    async with Socket() as socket:
        await socket.subscribe("a")
        await socket.next()
        await socket.send(type="unsubscribe", task_id="a")
        await socket.subscribe("b")
        await socket.next()
        end(first)
        end(second)
        while not (event := await socket.next())["complete"]:
            pass
        assert event["task_id"] == "b"


async def test_subscribing_again_sends_the_present_state_again():
    open_run()
    async with Socket() as socket:
        await socket.subscribe("a")
        first = await socket.next()
        await socket.subscribe("a")
        assert await socket.next() == first


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "nonsense",
        "[]",
        "7",
        "null",
        "[" * 4000,
        "9" * 5000,
        '{"type": "subscribe"}',
        '{"type": "unsubscribe", "task_id": "a", "task_id": "b"}',
        '{"type": "unsubscribe", "task_id": "a", "more": NaN}',
        '{"type": "subscribe", "task_id": 7}',
        '{"type": "subscribe", "task_id": ""}',
        '{"type": "subscribe", "task_id": "\\ud800"}',
        '{"type": "dance", "task_id": "a"}',
        '{"type": ["subscribe"], "task_id": "a"}',
        '{"type": "subscribe", "task_id": "' + "a" * 5000 + '"}',
    ],
)
async def test_an_invalid_frame_gets_an_error_and_the_socket_stays_open(frame):
    open_run()
    async with Socket() as socket:
        await socket.send_text(frame)
        error = await socket.next()
        assert (error["type"], error["code"]) == ("error", "bad_request")
        await socket.subscribe("a")
        assert (await socket.next())["task_id"] == "a"


async def test_a_binary_frame_gets_an_error():
    async with Socket() as socket:
        await socket.send_to(bytes_data=b"\x00")
        assert "binary" in (await socket.next())["detail"]


async def test_the_address_of_one_task_refuses_subscriptions_to_other_tasks():
    async with Socket(f"/ws/progress/a/?token={make_token('a')}") as socket:
        await socket.subscribe("b")
        assert "one task" in (await socket.next())["detail"]


@pytest.mark.settings(PROGRESS_FIRST_FRAME=0.2)
@pytest.mark.parametrize(
    "frame",
    [
        {"type": "unsubscribe", "task_id": "a"},
        {"type": "subscribe", "task_id": "a"},
        {"type": "subscribe", "task_id": "a", "token": "nonsense"},
        {"type": "dance"},
    ],
)
async def test_a_client_that_subscribes_to_nothing_is_closed_whatever_it_sends(frame):
    async with Socket() as socket, asyncio.timeout(10):
        codes = []
        while not codes:
            await socket.send(**frame)
            while not socket.output_queue.empty():
                message = await socket.receive_output()
                codes += [message["code"]] if message["type"] == "websocket.close" else []
            await asyncio.sleep(0.03)
    assert codes == [4408]


@pytest.mark.settings(PROGRESS_FIRST_FRAME=0.2)
async def test_a_client_that_has_watched_a_task_has_no_deadline():
    run = open_run()
    async with Socket() as socket:
        await socket.subscribe("a")
        await socket.next()
        end(run)
        while not (await socket.next())["complete"]:
            pass
        assert await socket.receive_nothing(0.5)


@pytest.mark.settings(PROGRESS_FIRST_FRAME=0.1)
async def test_the_time_of_a_slow_rule_does_not_count_against_the_clients_deadline(settings):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def rule(*_):
        asked.set()
        await go_on.wait()
        return True

    settings.PROGRESS_PERMISSION = rule
    open_run()
    async with Socket() as socket:
        await socket.subscribe("a")
        await asked.wait()
        assert await socket.receive_nothing(0.3)
        go_on.set()
        assert (await socket.next())["task_id"] == "a"


@pytest.mark.settings(PROGRESS_SUBSCRIPTIONS=300)
async def test_a_page_that_reconnects_may_subscribe_to_all_its_tasks_at_once():
    async with Socket() as socket:
        for _ in range(2):
            for number in range(299):
                await socket.subscribe(str(number))
        await socket.send_text("nonsense")
        while (frame := await socket.next())["type"] == "progress":
            pass
        assert frame["code"] == "bad_request"


@pytest.mark.promise(7)
async def test_a_client_that_sends_frames_and_does_not_read_is_closed(hub):
    """Replies are never dropped, so a client that reads none may get only a limited number."""
    received, sent = asyncio.Queue(), []
    received.put_nowait({"type": "websocket.connect"})
    for number in range(1000):
        text = json.dumps({"type": "subscribe", "task_id": f"{number}"})
        received.put_nowait({"type": "websocket.receive", "text": text})

    async def send(message):
        sent.append(message)
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()

    scope = {"type": "websocket", "path": "/ws/progress/", "query_string": b"", "headers": []}
    with mock.patch("progress.transports.dialogue.FRAMES_AT_ONCE", 10_000):
        async with asyncio.timeout(10):
            await ProgressConsumer.as_asgi()(scope, received.get, send)
    assert sent[-1]["code"] == 4508


async def test_a_client_that_sends_only_invalid_frames_is_closed():
    async with Socket() as socket:
        for _ in range(BAD_FRAMES + 1):
            await socket.send_text("nonsense")
        while (message := await socket.receive_output(10))["type"] != "websocket.close":
            pass
        assert message["code"] == 4400


async def test_a_socket_watches_a_limited_number_of_tasks():
    async with Socket() as socket:
        for number in range(conf.subscriptions() + 1):
            await socket.subscribe(str(number))
        error = await socket.next()
        assert (error["code"], error["task_id"]) == ("too_many", str(conf.subscriptions()))


async def test_a_closed_socket_stops_watching_its_tasks(hub):
    async with Socket() as socket:
        await socket.subscribe("a")
        await socket.next()
    assert not hub._topics
    assert not hub._outboxes


async def test_a_closed_socket_leaves_nothing_for_the_garbage_collector():
    open_run()
    others = parts()  # of what tests before this one keep
    gc.disable()
    try:
        async with Socket(f"/ws/progress/a/?token={make_token('a')}") as socket:
            await socket.next()
            assert parts() - others
        assert not parts() - others
    finally:
        gc.enable()


def parts():
    """Return all objects of sockets. isinstance() would fail for the proxy of a dead object."""
    kinds = {ProgressConsumer, writer.Writer, Grants, Handshake}
    return {each for each in gc.get_objects() if type(each) in kinds}


@pytest.mark.promise(7)
async def test_a_client_that_does_not_read_is_closed(hub, monkeypatch):
    monkeypatch.setattr(consumers, "SLOW_AFTER", 0.05)
    monkeypatch.setattr(writer, "SLOW_AFTER", 0.05)
    open_run()
    received, sent = asyncio.Queue(), []
    received.put_nowait({"type": "websocket.connect"})

    async def send(message):
        sent.append(message)
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()

    token = f"token={make_token('a')}"
    scope = {"type": "websocket", "path": "/ws/progress/a/", "query_string": token.encode()}
    scope["url_route"] = {"kwargs": {"task_id": "a"}}
    async with asyncio.timeout(10):
        await ProgressConsumer.as_asgi()(scope, received.get, send)
    assert [message["type"].partition(".")[2] for message in sent] == ["accept", "send", "close"]
    assert sent[-1]["code"] == 4508
    assert not hub._topics


@pytest.mark.promise(7)
def test_a_socket_gets_a_limited_number_of_bytes_a_second_on_average():
    now = 1000.0
    paid = paid_until(-CREDIT, int(CREDIT * PACE), now)
    assert paid <= now
    paid = paid_until(paid, PACE, now)
    assert paid == pytest.approx(now + 1)
    paid = paid_until(paid, PACE, now + 1)
    assert paid == pytest.approx(now + 2)
    assert paid_until(paid, int(CREDIT * PACE), now + 100) <= now + 100


async def in_batches(path):
    """Return the frames with the outcomes of three tasks, for a socket at this path."""
    runs = [open_run(task_id) for task_id in "abc"]
    async with Socket(path) as socket:
        for task_id in "abc":
            await socket.subscribe(task_id)
        for run in runs:
            end(run)
        frames, ended = [], set()
        while len(ended) < 3:
            frame = json.loads(await socket.receive_from(timeout=10))
            frames.append(frame)
            events = frame if isinstance(frame, list) else [frame]
            ended |= {event["task_id"] for event in events if event["complete"]}
    return frames


async def test_a_client_that_asks_for_batches_gets_several_events_in_a_frame():
    assert any(isinstance(frame, list) for frame in await in_batches("/ws/progress/?batch"))


async def test_a_client_that_does_not_ask_for_batches_gets_one_event_in_a_frame():
    assert all(isinstance(frame, dict) for frame in await in_batches("/ws/progress/"))


@pytest.mark.parametrize("query", [b"&".join([b"a"] * 2000), b"a=%41"])
@pytest.mark.parametrize("charset", [b"hex", b"utf-16"])
async def test_a_handshake_with_an_unknown_charset_is_closed_as_a_bad_request(hub, query, charset):
    """Django parses the query when it reads the charset, and may raise several kinds of errors."""
    scope = {
        "type": "websocket",
        "path": "/",
        "query_string": query,
        "headers": [(b"content-type", b";charset=" + charset)],
        "subprotocols": [],
    }
    told = asyncio.Queue()
    sent = []

    async def send(message):
        sent.append(message)

    await told.put({"type": "websocket.connect"})
    await told.put({"type": "websocket.disconnect", "code": 1000})
    await ProgressConsumer(scope, told.get, send).run()
    assert {message.get("code") for message in sent} <= {None, 4400, 4408}
