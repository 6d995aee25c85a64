"""The Python client, against a real web server."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import websockets

from progress import addresses, client, make_token, recheck
from progress.access.tokens import read_token
from progress.client import (
    BadRequestError,
    ForbiddenError,
    TooManyError,
    UnreachableError,
    connection,
    watch,
    watch_blocking,
)
from progress.client.connection import Connection, SocketURL
from progress.client.refusals import REMEDIES
from progress.events import Event, State
from progress.protocol import Reason
from tests.support.celery import app
from tests.support.jobs import Job, web_in
from tests.support.parts import Worker
from tests.support.ports import free_port
from tests.support.proxy import Proxy

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def web(valkey, tmp_path_factory):
    """Daphne, with the store that the tests' own process reports to."""
    with web_in(tmp_path_factory.mktemp("web"), valkey) as web:
        yield web


@pytest.fixture
async def proxy(web):
    async with Proxy(web.port).running() as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _store(redis_url):
    """Empty, and where the reports of the tests go."""


def shared(web, port=None):
    return f"ws://127.0.0.1:{port or web.port}/ws/progress/"


def connections(port):
    """How many are open to that port of this machine."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


async def until(condition, within=20):
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


async def gather(events, seen=None):
    """All of them, also added to ``seen`` as they come."""
    seen = [] if seen is None else seen
    async with asyncio.timeout(30):
        async for event in events:
            seen.append(event)
    return seen


async def reach(events, current):
    """Take events up to the one that says so."""
    async with asyncio.timeout(30):
        while (event := await anext(events)).current != current:
            pass
    return event


def check(events):
    """What holds for what any watcher was given."""
    versions = [event.version for event in events]
    assert versions == sorted(set(versions))
    assert [event.complete for event in events].count(True) == 1
    assert events[-1].complete


async def test_a_task_of_a_real_worker_is_watched_to_its_outcome(web, valkey, tmp_path, rf):
    env = {"TEST_REDIS_URL": f"{valkey.connection_url}/0"}
    with Worker(tmp_path, broker=f"{valkey.connection_url}/1", env=env, options=["-c", "1"]):
        task = app.tasks["tests.support.celery.count"].delay(30, 0.02)
        request = rf.get("/", headers={"host": f"127.0.0.1:{web.port}"})
        events = await gather(watch(addresses(request, task)["websocket_url"]))
    check(events)
    assert {event.task_id for event in events} == {task.id}
    assert State.PROGRESS in {event.state for event in events}
    assert (events[-1].state, events[-1].current) == (State.SUCCESS, 30)


async def test_a_late_watcher_gets_only_the_outcome(web):
    job = Job()
    job.say(3)
    job.end(State.FAILURE, error="No such file.")
    [event] = await gather(watch(web.url(job.id)))
    assert (event.state, event.current, event.error) == (State.FAILURE, 3, "No such file.")


async def test_an_unknown_id_yields_an_event_too(web):
    async with aclosing(watch(web.url("nobody"))) as events:
        event = await anext(events)
    assert (event.state, event.version) == (State.UNKNOWN, 0)


async def test_the_token_may_be_an_argument(web):
    job = Job()
    job.end()
    bare = f"{shared(web)}{job.id}/"
    assert len(await gather(watch(bare, token=make_token(job.id)))) == 1
    assert len(await gather(watch(f"{bare}?token=wrong", token=make_token(job.id)))) == 1


async def test_several_tasks_are_watched_over_one_socket(web):
    jobs = [Job(), Job()]
    tasks = {job.id: make_token(job.id) for job in jobs}
    async with aclosing(watch(shared(web), tasks=tasks)) as events:
        seen = [await anext(events), await anext(events)]
        assert {event.task_id for event in seen} == set(tasks)
        assert connections(web.port) == 1
        jobs[0].end()
        while not seen[-1].complete:
            seen.append(await anext(events))
        jobs[1].end(State.REVOKED)
        seen += await gather(events)
    for job in jobs:
        check([event for event in seen if event.task_id == job.id])


async def test_watching_no_tasks_ends_at_once():
    assert await gather(watch("ws://127.0.0.1:1/ws/progress/", tasks={})) == []


async def test_a_connection_that_is_cut_is_renewed(web, proxy):
    jobs = [Job(), Job()]
    tasks = {job.id: make_token(job.id) for job in jobs}
    async with aclosing(watch(shared(web, proxy.port), tasks=tasks)) as events:
        seen = [await anext(events), await anext(events)]
        jobs[0].end()
        while not seen[-1].complete:
            seen.append(await anext(events))
        proxy.cut()
        jobs[1].say(7)
        seen.append(await reach(events, 7))
        proxy.cut()
        jobs[1].end()
        seen += await gather(events)
    for job in jobs:
        check([event for event in seen if event.task_id == job.id])


async def test_a_renewed_connection_to_one_task_yields_no_event_twice(web, proxy, caplog):
    job = Job()
    async with aclosing(watch(web.url(job.id, proxy.port))) as events:
        seen = [await anext(events)]
        job.say(1)
        seen.append(await reach(events, 1))
        proxy.cut()
        await until(lambda: "Connected" in caplog.text)
        job.end()
        check(await gather(events, seen))


async def test_a_restarted_server_is_found_again(valkey, tmp_path, caplog):
    job = Job()
    with web_in(tmp_path, valkey) as web:
        async with aclosing(watch(web.url(job.id))) as events:
            await anext(events)
            web.kill()
            job.say(5)
            waiting = asyncio.create_task(reach(events, 5))
            await until(lambda: "No connection" in caplog.text)
            await asyncio.to_thread(web.start)
            await waiting
            job.end()
            check(await gather(events))
    assert "token" not in caplog.text


async def test_a_connection_that_receives_nothing_is_renewed(web, proxy, monkeypatch):
    monkeypatch.setattr(connection, "SILENCE", 1.0)
    job = Job()
    async with aclosing(watch(web.url(job.id, proxy.port))) as events:
        await anext(events)
        proxy.swallow()
        job.say(4)
        await reach(events, 4)
        job.end()
        check(await gather(events))


async def test_closing_does_not_wait_for_a_frozen_server(valkey, tmp_path):
    job = Job()
    with web_in(tmp_path, valkey) as web:
        events = watch(web.url(job.id))
        await anext(events)
        with web.frozen():
            async with asyncio.timeout(5):
                await events.aclose()
            await until(lambda: not connections(web.port))


async def test_a_renewed_token_is_used_to_reconnect(valkey, tmp_path, settings):
    settings.PROGRESS_TOKEN_LIFETIME = 6
    job = Job()
    with web_in(tmp_path, valkey, TOKEN_LIFETIME=6) as web:
        async with Proxy(web.port).running() as proxy:
            token = make_token(job.id)
            address = f"{shared(web, proxy.port)}{job.id}/"
            async with aclosing(watch(address, token=token)) as events:
                await anext(events)
                while read_token(token) is not None:
                    recheck(task=job.id)
                    await asyncio.sleep(0.2)
                proxy.cut()
                job.say(6)
                await reach(events, 6)


async def test_a_wrong_token_is_not_tried_again(web):
    job, other = Job(), Job()
    short = make_token(job.id, lifetime=1)
    await until(lambda: read_token(short) is None)
    for token in ("nonsense", make_token(other.id), make_token(job.id)[:-3], short):
        with pytest.raises(ForbiddenError, match="no right to watch") as caught:
            await gather(watch(f"{shared(web)}{job.id}/", token=token))
        assert token not in str(caught.value)


async def test_the_error_names_the_forbidden_task_among_several(web):
    job, other = Job(), Job()
    tasks = {job.id: make_token(job.id), other.id: None}
    with pytest.raises(ForbiddenError) as caught:
        await gather(watch(shared(web), tasks=tasks))
    assert caught.value.task_id == other.id


async def test_events_before_an_error_are_yielded_first():
    first, second = (Event(task_id="a", state=State.STARTED, version=each) for each in (2, 3))
    taken = asyncio.Event()

    async def serve(socket):
        await socket.send(first.text())
        await taken.wait()
        await socket.send(second.text())
        await socket.send('{"type": "error", "code": "forbidden", "detail": "No.", "task_id": "b"}')
        await socket.wait_closed()

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        events = watch(f"ws://127.0.0.1:{port}/", tasks={"a": None, "b": None})
        seen = [await anext(events)]
        taken.set()
        await until(lambda: not connections(port))
        with pytest.raises(ForbiddenError, match="No"):
            await gather(events, seen)
    assert seen == [first, second]


async def test_the_address_of_one_task_refuses_others(web):
    job = Job()
    tasks = {job.id: make_token(job.id), "other": make_token("other")}
    with pytest.raises(BadRequestError, match="for one task"):
        await gather(watch(web.url(job.id), tasks=tasks))


async def test_more_tasks_than_the_server_allows_raise_too_many(valkey, tmp_path):
    tasks = {name: make_token(name) for name in "abc"}
    with web_in(tmp_path, valkey, SUBSCRIPTIONS=2) as web:
        watching = gather(watch(shared(web), tasks=tasks))
        with pytest.raises(TooManyError, match="at most 2") as caught:
            await watching
    assert caught.value.task_id == "c"


async def test_the_error_after_waiting_for_a_token_asks_for_one(valkey, tmp_path):
    with web_in(tmp_path, valkey, FIRST_FRAME=0.5) as web:
        watching = gather(watch(f"{shared(web)}a/"))
        with pytest.raises(ForbiddenError, match="pass token="):
            await watching


TOO_MANY = {
    "type": "error",
    "code": "too_many",
    "detail": "come back later",
    "reason": "frame_rate",
}


@asynccontextmanager
async def closing_with(code, *, times=1, frame=None):
    """A server that closes so often with this code, then sends an outcome; when it was asked."""
    asked = []

    async def serve(socket):
        asked.append(time.monotonic())
        if len(asked) > times:
            await socket.send(Event(task_id="a", state=State.SUCCESS, version=2).text())
            await socket.wait_closed()
            return
        if frame is not None:
            await socket.send(json.dumps(frame))
        await socket.close(code)

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/progress/", asked


@pytest.mark.parametrize("frame", [None, TOO_MANY], ids=["bare", "with-reason"])
async def test_a_server_that_has_too_much_of_a_client_is_asked_again_late(monkeypatch, frame):
    monkeypatch.setattr(connection, "LATE", 0.3)
    async with closing_with(4429, times=2, frame=frame) as (url, asked):
        [outcome] = await gather(watch(f"{url}a/", token="t"))
    assert outcome.complete
    first, second, third = asked
    assert min(second - first, third - second) >= 0.3


def test_late_is_half_a_minute_to_a_minute():
    assert connection.LATE == 30
    made = Connection(SocketURL("ws://127.0.0.1:1/"), None, headers=None, patience=None)
    pauses = []
    for _ in range(200):
        made._lost_at = time.monotonic()
        pauses.append(made._pause(made._wait_long(TooManyError("too many"))))
    assert 30 <= min(pauses) < 35
    assert 55 < max(pauses) <= 60


@pytest.mark.parametrize(
    ("frame", "words", "reason"),
    [(None, "too many sockets", None), (TOO_MANY, "frame_rate: pass fewer tasks", "frame_rate")],
)
async def test_a_client_without_patience_for_a_late_try_raises_at_once(frame, words, reason):
    async with closing_with(4429, frame=frame) as (url, asked):
        watching = gather(watch(f"{url}a/", patience=10))
        with pytest.raises(TooManyError, match=words) as caught:
            await watching
    assert (caught.value.task_id, caught.value.reason, len(asked)) == (None, reason, 1)


async def test_patience_is_not_renewed_by_refusals(monkeypatch):
    monkeypatch.setattr(connection, "LATE", 0.2)
    async with closing_with(4429, times=99, frame=TOO_MANY) as (url, asked):
        watching = gather(watch(f"{url}a/", patience=0.7))
        with pytest.raises(TooManyError, match="come back later"):
            await watching
    assert 2 <= len(asked) <= 5


async def test_subscriptions_that_came_too_late_are_sent_again(monkeypatch):
    monkeypatch.setattr(connection, "LATE", 0.2)
    async with closing_with(4408) as (url, asked):
        [outcome] = await gather(watch(url, tasks={"a": "t"}))
        assert outcome.complete
    assert len(asked) == 2
    async with closing_with(4408) as (url, asked):
        with pytest.raises(UnreachableError, match="came too late"):
            await gather(watch(url, tasks={"a": "t"}, patience=0.1))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (4400, BadRequestError),
        (4401, ForbiddenError),
        (4403, ForbiddenError),
        (4404, UnreachableError),
        (4408, ForbiddenError),  # nothing to subscribe to: the address names the task
    ],
)
async def test_other_refusals_are_final(code, kind):
    async with closing_with(code) as (url, asked):
        watching = gather(watch(f"{url}a/"))
        with pytest.raises(kind, match=str(code)):
            await watching
    assert len(asked) == 1


async def test_a_client_over_the_limit_of_sockets_watches_once_another_is_closed(
    valkey, tmp_path, monkeypatch
):
    monkeypatch.setattr(connection, "LATE", 0.2)
    job = Job()
    with web_in(tmp_path, valkey, SOCKETS_PER_ADDRESS=1) as web:
        async with aclosing(watch(web.url(job.id))) as first:
            await anext(first)
            with pytest.raises(TooManyError, match="address_connections") as caught:
                await gather(watch(web.url(job.id), patience=0.1))
            assert caught.value.reason == "address_connections"
            waiting = asyncio.create_task(gather(watch(web.url(job.id))))
        job.end()
        check(await waiting)


async def test_the_reason_of_a_refusal_comes_with_what_to_do(web):
    job, other = Job(), Job()
    short = make_token(job.id, lifetime=1)
    await until(lambda: read_token(short) is None)
    for token, reason in ((short, "expired_token"), (make_token(other.id), "other_task")):
        watching = gather(watch(f"{shared(web)}{job.id}/", token=token))
        with pytest.raises(ForbiddenError, match=re.escape(REMEDIES[reason])) as caught:
            await watching
        assert (caught.value.reason, caught.value.task_id) == (reason, None)
    tasks = {job.id: None}
    with pytest.raises(ForbiddenError, match=REMEDIES["no_token"]) as caught:
        await gather(watch(shared(web), tasks=tasks))
    assert (caught.value.reason, caught.value.task_id) == ("no_token", job.id)


def test_each_reason_has_a_remedy():
    assert set(REMEDIES) == set(Reason)


@contextmanager
def answering(status):
    """A web server that has one answer; how often it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.server_port}/ws/progress/a/?token=secret&x=1", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [200, 400, 401, 404, 405, 426])
async def test_an_address_without_websockets_is_tried_once(status):
    with answering(status) as (url, asked):
        watching = gather(watch(url))
        with pytest.raises(UnreachableError, match=f"HTTP {status}.*check the address") as caught:
            await watching
    assert asked == ["/ws/progress/a/?x=1"]
    assert "?" not in str(caught.value)


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_a_server_that_is_busy_is_tried_again(status, monkeypatch):
    monkeypatch.setattr(connection, "FIRST_PAUSE", 0.05)
    with answering(status) as (url, asked):
        watching = gather(watch(url, patience=1))
        with pytest.raises(UnreachableError, match=f"no connection for 1 s.*HTTP {status}"):
            await watching
    assert len(asked) > 1


async def test_an_address_where_nobody_answers_raises_after_a_while(monkeypatch):
    monkeypatch.setattr(connection, "FIRST_PATIENCE", 0.5)
    with pytest.raises(UnreachableError, match=r"no connection for 0\.5 s"):
        await gather(watch(f"ws://127.0.0.1:{free_port()}/ws/progress/a/"))


async def test_a_server_without_tls_is_tried_once():
    async def serve(_, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError, match="SSL"):
            await gather(watch(f"wss://127.0.0.1:{port}/ws/progress/a/"))


async def test_a_host_that_does_not_resolve_is_tried_once():
    with pytest.raises(UnreachableError, match="host is not found"):
        await gather(watch("ws://nowhere.invalid/ws/progress/a/", patience=1))


async def test_an_address_that_worked_is_tried_again_after_any_answer(web, proxy, monkeypatch):
    monkeypatch.setattr(connection, "FIRST_PATIENCE", 0.0)
    job = Job()
    with answering(404) as (url, asked):
        async with aclosing(watch(web.url(job.id, proxy.port))) as events:
            await anext(events)
            proxy._to = int(url.split(":")[2].partition("/")[0])
            proxy.cut()
            await until(lambda: len(asked) > 1)
            proxy._to = web.port
            job.end()
            check(await gather(events))


@pytest.mark.parametrize(
    "url",
    ["http://host/ws/progress/a/?token=s", "ws:///ws/progress/a/", "host/a", "", 7, b"ws://h"],
)
def test_a_url_that_is_not_of_a_websocket_raises_at_once(url):
    with pytest.raises(ValueError, match="ws:// or wss://") as caught:
        watch(url)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/ws/progress/", {}),
        ("/ws/progress/", {"tasks": {"a": None}, "token": "t"}),
        ("/ws/progress/a/", {"token": "no token"}),
        ("/ws/progress/a/?token=%0d%0a", {}),
        ("/ws/progress/a/", {"patience": -1}),
    ],
)
def test_contradicting_arguments_raise_at_once(path, options):
    with pytest.raises(ValueError, match=r"tasks=|token|patience"):
        watch(f"ws://127.0.0.1:1{path}", **options)


async def test_unknown_frames_are_skipped(redis_url):
    """A server of another make, or of a later version."""
    frames = [
        "nonsense",
        "[]",
        "7",
        '{"type": "news"}',
        '{"type": "progress"}',
        b"\x00",
        "[" * 9000,
    ]
    outcome = Event(task_id="a", state=State.SUCCESS, version=2)

    async def serve(socket):
        for frame in [*frames, outcome.text()]:
            await socket.send(frame)

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await gather(watch(f"ws://127.0.0.1:{port}/ws/progress/a/")) == [outcome]


async def test_headers_are_sent_with_the_handshake():
    heard = []

    async def serve(socket):
        heard.append(socket.request.headers)
        await socket.send(Event(task_id="a", state=State.SUCCESS, version=2).text())

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        site = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        headers = {"Cookie": "sessionid=1", "Origin": f"http://{site}"}
        await gather(watch(f"ws://{site}/ws/progress/a/", headers=headers))
    assert headers.items() <= dict(heard[0].raw_items()).items()


async def test_a_slow_watcher_skips_to_the_newest_event(web):
    job = Job()
    async with aclosing(watch(web.url(job.id))) as events:
        first = await anext(events)
        job.say(2)
        await reach(events, 2)
        for current in range(3, 9):
            job.say(current)
        job.end()
        await until(lambda: not connections(web.port))
        [outcome] = await gather(events)
    assert outcome.version > first.version
    assert (outcome.state, outcome.current) == (State.SUCCESS, 8)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


async def test_a_generator_that_is_closed_early_leaves_nothing(web):
    job = Job()
    job.say(1)
    tasks, opened = asyncio.all_tasks(), descriptors()
    events = watch(web.url(job.id))
    await anext(events)
    await events.aclose()
    assert asyncio.all_tasks() == tasks
    await until(lambda: descriptors() == opened and not connections(web.port))


async def test_a_generator_that_is_left_by_break_leaves_nothing(web):
    job = Job()
    tasks = asyncio.all_tasks()
    async for _ in watch(web.url(job.id)):
        break
    await until(lambda: asyncio.all_tasks() == tasks and not connections(web.port))


async def test_a_generator_whose_caller_is_cancelled_leaves_nothing(web):
    job = Job()
    tasks = asyncio.all_tasks()
    waiting = asyncio.create_task(gather(watch(web.url(job.id))))
    await until(lambda: connections(web.port))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: asyncio.all_tasks() == tasks and not connections(web.port))


def threads():
    return [each for each in threading.enumerate() if each.name == "progress-client"]


def test_slow_blocking_code_skips_to_the_newest_event(web):
    job, seen = Job(), []
    for event in watch_blocking(web.url(job.id)):
        seen.append(event)
        if len(seen) == 1:
            for current in range(1, 9):
                job.say(current)
            job.end()
            deadline = time.monotonic() + 20
            while connections(web.port):
                assert time.monotonic() < deadline
    check(seen)
    assert len(seen) == 2
    assert not threads()


def test_blocking_code_that_stops_early_leaves_nothing(web):
    job = Job()
    job.say(1)
    opened = descriptors()
    for _ in watch_blocking(web.url(job.id)):
        break
    assert not threads()
    with closing(watch_blocking(web.url(job.id))) as events:
        next(events)
        assert threads()
    assert not threads()
    assert not connections(web.port)
    assert descriptors() == opened


def test_blocking_code_gets_errors_too(web):
    with pytest.raises(ForbiddenError):
        list(watch_blocking(f"{shared(web)}a/?token=wrong"))
    with pytest.raises(ValueError, match="ws://"):
        watch_blocking("http://host/")
    assert not threads()


SCRIPT = """
import sys
from progress.client import watch_blocking
assert not {"django", "celery", "redis", "channels"} & set(sys.modules)
events = watch_blocking(sys.argv[1])
print(next(events).state, flush=True)
"""


def run(code, *arguments):
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
    return subprocess.run(
        command, check=False, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


def test_a_script_needs_no_django_and_may_end_while_it_watches(web):
    job = Job()
    job.say(1)
    done = run(SCRIPT, web.url(job.id))
    assert (done.stdout, done.stderr, done.returncode) == ("PROGRESS\n", "", 0)


async def test_a_script_that_ends_closes_its_socket():
    codes = []

    async def serve(socket):
        await socket.send(Event(task_id="a", state=State.STARTED, version=2).text())
        await socket.wait_closed()
        codes.append(socket.close_code)

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        done = await asyncio.to_thread(run, SCRIPT, f"ws://127.0.0.1:{port}/ws/progress/a/")
        await until(lambda: codes)
    assert (done.stderr, done.returncode, codes) == ("", 0, [1000])


def test_a_script_that_is_interrupted_ends_at_once(web):
    job = Job()
    job.say(1)
    code = [sys.executable, "-c", SCRIPT + "next(events)", web.url(job.id)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(code, cwd=ROOT, env=env, text=True, **pipes) as script:
        assert script.stdout.readline() == "PROGRESS\n"
        script.send_signal(signal.SIGINT)
        errors = script.communicate(timeout=20)[1]
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "ignored" not in errors


def test_a_process_that_is_forked_while_it_watches_ends(web):
    job = Job()
    job.say(1)
    done = run(SCRIPT + "import os; pid = os.fork(); pid and os.waitpid(pid, 0)", web.url(job.id))
    assert (done.stderr, done.returncode) == ("", 0)


def test_the_error_without_websockets_names_what_to_install():
    done = run("import sys; sys.modules['websockets'] = None; from progress.client import watch")
    assert done.stderr.splitlines()[-1].endswith("pip install channels-progress[client]")


def test_all_errors_are_watch_errors():
    kinds = [getattr(client, name) for name in client.__all__ if name.endswith("Error")]
    assert all(issubclass(kind, client.WatchError) for kind in kinds)
    assert issubclass(client.BadRequestError, ValueError)
