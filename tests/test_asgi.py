"""The whole service as one application, mounted in ways that hosts have."""

import json

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.urls import re_path

from progress import addresses, make_token
from progress.asgi import application, mounted
from progress.events import State
from progress.hub import Hub
from progress.modules import FOLDER
from progress.reporting import current
from progress.reporting.current import current_publisher

WAYS = {
    "at the root": {"path": "/a/", "root_path": ""},
    "without root_path": {"path": "/a/"},
    "whole path": {"path": "/live/a/", "root_path": "/live"},
    "root with a slash": {"path": "/live/a/", "root_path": "/live/"},
    "path cut off": {"path": "/a/", "root_path": "/live"},
    "path cut off that begins alike": {"path": "/lively/", "root_path": "/live"},
    "Channels": {"path": "/live/a/", "root_path": "", "path_remaining": "a/"},
    "Channels below a root": {"path": "/api/live/a/", "root_path": "/api", "path_remaining": "a/"},
    "nothing but the mount": {"path": "/live", "root_path": "/live"},
}


@pytest.mark.parametrize("way", WAYS)
def test_hosts_tell_in_several_ways_where_it_is_mounted(way):
    scope = mounted({"type": "http", **WAYS[way]})
    below = scope["path"].removeprefix(scope["root_path"])
    expected = {"path cut off that begins alike": "/lively/", "nothing but the mount": "/"}
    assert below == expected.get(way, "/a/")
    assert scope["path"].startswith(scope["root_path"])
    assert not scope["root_path"].endswith("/")


async def get(path, app=application, method="GET", **scope):
    """Status, headers and body of an answer."""
    if "query_string" not in scope:
        path, _, query = path.partition("?")
        scope |= {"query_string": query.encode()}
    whole = {"type": "http", "method": method, "scheme": "http", "headers": [], "path": path}
    request = ApplicationCommunicator(app, {**whole, **scope})
    await request.send_input({"type": "http.request"})
    start, body = [await request.receive_output(10) for _ in range(2)]
    await request.wait(10)
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, body["body"]


@pytest.fixture
def run(hub):
    run = current_publisher().open("a")
    assert current.flush(5)
    return run


@pytest.mark.parametrize("path", ["/live/", "/live/a/", "/live"])
async def test_a_task_is_watched_where_it_is_mounted(run, path):
    socket = WebsocketCommunicator(application, f"{path}?token={make_token('a')}")
    socket.scope["root_path"] = "/live"
    assert (await socket.connect())[0]
    if path != "/live/a/":
        frame = {"type": "subscribe", "task_id": "a", "token": make_token("a")}
        await socket.send_to(text_data=json.dumps(frame))
    assert json.loads(await socket.receive_from(10))["state"] == "STARTED"
    await socket.disconnect()


async def test_another_routing_of_channels_may_mount_it(run):
    router = URLRouter([re_path("^live/", application)])
    socket = WebsocketCommunicator(router, f"/live/a/?token={make_token('a')}")
    assert (await socket.connect())[0]
    assert json.loads(await socket.receive_from(10))["state"] == "STARTED"
    await socket.disconnect()
    status, _, body = await get(f"/live/a/?token={make_token('a')}", router)
    assert (status, json.loads(body)["state"]) == (200, "STARTED")


async def test_another_address_is_closed(hub):
    socket = WebsocketCommunicator(application, "/live/a")
    socket.scope["root_path"] = "/live"
    assert (await socket.connect())[0]
    assert (await socket.receive_output(10))["code"] == 4404


async def test_the_element_comes_with_what_it_imports(hub):
    for module in FOLDER.glob("*.js"):
        status, headers, body = await get(f"/live/{module.name}", root_path="/live")
        assert (status, body) == (200, module.read_bytes())
        assert headers["content-type"] == "text/javascript"
        asked = [(b"if-none-match", headers["etag"].encode())]
        assert (await get(f"/{module.name}", headers=asked))[0] == 304
    assert {"task-progress", "socket", "events"} <= {module.stem for module in FOLDER.glob("*.js")}
    assert (await get("/task-progress.css"))[1]["content-type"] == "text/css"


async def test_a_slash_more_than_ours_does_no_harm(run):
    assert (await get("/task-progress.js/"))[0] == 200
    assert (await get("/a/events/"))[0] == 403
    token = make_token("a")
    current_publisher().conclude(run, State.SUCCESS)
    assert current.flush(5)
    seen = [(b"last-event-id", b"9" * 16)]
    assert (await get(f"/a/events/?token={token}", headers=seen))[0] == 204


@pytest.mark.parametrize(
    "path", ["/task-progress.js", "/task-progress.css", "/a/", "/a/events", "/no/such/thing"]
)
async def test_no_browser_may_guess_another_kind_of_content(run, path):
    _, headers, _ = await get(path)
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/x.js", "/../pyproject.toml", "/package.json", "/a"])
async def test_nothing_else_is_there(hub, path):
    assert (await get(path))[0] == 404


async def test_the_lifespan_ends_the_hub(redis_url):
    hub = Hub.current()
    life = ApplicationCommunicator(application, {"type": "lifespan"})
    for word in ("startup", "shutdown"):
        await life.send_input({"type": f"lifespan.{word}"})
        assert await life.receive_output(10) == {"type": f"lifespan.{word}.complete"}
    await life.wait(10)
    assert all(task.done() for task in hub._tasks)
    again = Hub.current()
    assert again is not hub
    await again.aclose()


async def test_what_it_does_not_serve_it_says():
    with pytest.raises(ValueError, match="websocket, http and lifespan, not 'mqtt'"):
        await application({"type": "mqtt"}, None, None)


@pytest.mark.parametrize("base", ["https://x.test/live", "https://x.test/live/"])
def test_addresses_of_a_mount(base):
    told = addresses(base, "a b/c", lifetime=60)
    query = f"?token={told['token']}"
    assert told == {
        "task_id": "a b/c",
        "token": told["token"],
        "status_url": f"https://x.test/live/a%20b/c/{query}",
        "events_url": f"https://x.test/live/a%20b/c/events{query}",
        "websocket_url": f"wss://x.test/live/a%20b/c/{query}",
    }
