"""Each task id has an address that leads to it: in a Django site, by websocket, and embedded."""

import json
from posixpath import normpath
from urllib.parse import unquote, urlsplit

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.test import RequestFactory
from django.urls import resolve

from progress import addresses, asgi
from progress.asgi import application
from progress.paths import read, written
from progress.reporting import current
from progress.reporting.current import current_publisher
from progress.routing import websocket_urlpatterns
from progress.transports.views import task_events
from tests.support.asgi import pages
from tests.test_asgi import get

PLAIN = [
    "a", "6d4618b5-b3e6-44a1-831d-0f7cf82ace7e", "with space", "sla/sh", "100%*", "é\u202e*",
    "cancel.me", "cancelled", "my-events", "events.log", "cancel/me", "events/1", "...", "a..b",
    ".hidden", "a/.b", "q?x#y", "a;b", "%2e%2e", "folder/x.js", "javascript", "own-user-1", "a~b",
]  # fmt: skip
ODD = [
    "x/cancel", "x/events", "cancel", "events", "a/b/cancel", ".", "..", "../x", "a/../b", "a/./b",
    "a//b", "/a", "a/", "/", "//", "~", "~a", "~Li4", "t\nx", "\x00", "back\\slash", "x.js",
    "task-progress.js", "a\r", "x/cancel/", "é/..",
]  # fmt: skip


@pytest.fixture(params=[*PLAIN, *ODD], ids=ascii)
def task_id(request):
    return request.param


def cut(url):
    """Path and query; no browser and no proxy would change the path."""
    parts = urlsplit(url)
    assert normpath(unquote(parts.path)) == unquote(parts.path).rstrip("/")
    assert "\\" not in unquote(parts.path)
    return f"{parts.path}?{parts.query}"


@pytest.mark.parametrize("plain", PLAIN)
def test_an_id_that_a_path_can_carry_is_written_as_it_is(plain):
    assert written(plain) == read(plain) == plain


def test_an_id_is_read_as_it_was_written(task_id):
    assert read(written(task_id)) == task_id


def test_each_id_has_an_address_of_its_own():
    ids = [*PLAIN, *ODD, *map(written, ODD)]
    assert len({written(each) for each in ids}) == len(set(ids))


@pytest.fixture
def told(hub, task_id):
    """The addresses of a task that has started, in a Django site and embedded."""
    current_publisher().open(task_id)
    assert current.flush(5)
    options = {"actions": ["watch", "cancel"]}
    site = addresses(RequestFactory().get("/"), task_id, **options)
    return site, addresses("http://testserver/live", task_id, **options)


@pytest.mark.parametrize("where", ["site", "embedded"])
async def test_its_addresses_lead_to_it(told, task_id, where):
    here = told[where == "embedded"]
    app, more = (pages, {}) if where == "site" else (application, {"root_path": "/live"})
    more |= {"headers": [(b"host", b"testserver"), (b"authorization", bearer(here))]}
    path = unquote(urlsplit(here["status_url"]).path)
    status, _, body = await get(path, app, query_string=b"", **more)
    assert (status, json.loads(body)["task_id"]) == (200, task_id)
    status, _, body = await get(f"{path}cancel/", app, "POST", query_string=b"", **more)
    assert (status, json.loads(body)["task_id"]) == (202, task_id)


@pytest.mark.parametrize("where", ["site", "embedded"])
async def test_its_websocket_leads_to_it(told, task_id, where):
    here = told[where == "embedded"]
    app = URLRouter(websocket_urlpatterns) if where == "site" else application
    path, _, query = cut(here["websocket_url"]).partition("?")
    socket = WebsocketCommunicator(app, f"/x?{query}")
    socket.scope |= {"path": unquote(path)} | ({} if where == "site" else {"root_path": "/live"})
    assert (await socket.connect())[0]
    assert json.loads(await socket.receive_from(10))["task_id"] == task_id
    await socket.disconnect()


@pytest.mark.parametrize("where", ["site", "embedded"])
async def test_its_event_stream_leads_to_it(told, task_id, where):
    here = told[where == "embedded"]
    path = unquote(urlsplit(here["events_url"]).path).removeprefix("/live")
    found = resolve(path, None if where == "site" else asgi.ROUTES)
    assert (found.func, found.kwargs) == (task_events, {"task_id": task_id})


def bearer(here):
    return f"Bearer {here['token']}".encode()
