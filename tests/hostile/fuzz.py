"""Generates random input of strangers, and sends it to the applications in this process."""

import asyncio
import json
import os
import string
import time

from channels.layers import get_channel_layer
from channels.routing import URLRouter
from django.urls import re_path
from hypothesis import strategies as st

from progress.events import Event, State
from progress.hub import Hub
from progress.layers.groups import group_name, message
from progress.protocol import Close
from progress.routing import no_such_address, websocket_urlpatterns
from tests.support import rights
from tests.support.asgi import pages

CASES = int(os.environ.get("FUZZ_CASES", "200"))
PATIENCE = 10  # seconds
ANSWERS = {200, 202, 400, 403, 404, 405, 413}
addresses = URLRouter([*websocket_urlpatterns, re_path("", no_such_address)])

odd = st.sampled_from(
    [
        "",
        "a",
        "*",
        "__group__",
        "../",
        "a\nb",
        "a\0b",
        "\u202e",
        "😀",
        "x" * 300,
        "\ud800",
        "é" * 255,
    ]
)
whole = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ids = odd | st.text(st.characters(), max_size=40)
tokens = ids | whole.filter(bool).map(rights.make_token) | st.just(rights.make_token("a"))
leaves = st.none() | st.booleans() | st.integers() | st.floats() | ids | tokens
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(ids, inner), max_leaves=8
)
verbs = st.sampled_from(["subscribe", "unsubscribe", "ping", "progress"]) | values
requests = st.fixed_dictionaries(
    {}, optional={"type": verbs, "task_id": ids | values, "token": tokens | values, "more": values}
)
good = ids.filter(lambda id_: id_ and id_.isprintable()).map(rights.subscribe)
written = (requests | values).map(json.dumps) | good
cut = st.builds(lambda text, at: text[: at % (len(text) + 1)], written, st.integers(0, 300))
spoiled = st.builds(
    lambda text, more, at: text[:at] + more + text[at:], written, ids, st.integers()
)
texts = written | cut | spoiled | st.text(max_size=200) | st.just("[" * 3000)
frames = texts | st.binary(max_size=200)

#: Paths as servers pass them on: decoded, with U+FFFD for bytes that are not UTF-8.
paths = whole.map(lambda id_: f"/{id_}/") | st.sampled_from(["", "/"])
queries = (
    st.binary(max_size=100)
    | st.just(b"a&" * 1500)
    | tokens.map(lambda token: f"token={token}".encode(errors="replace"))
)
NAMES = (
    "authorization cookie host origin content-type content-length sec-websocket-protocol accept "
    "x-forwarded-for x-forwarded-host x-forwarded-proto x-requested-with referer transfer-encoding"
)
names = st.sampled_from(NAMES.encode().split()) | st.text(
    string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20
).map(str.encode)
origins = st.sampled_from(
    [b"http://testserver", b"http://[::1", b"null", b"http://evil.example:99999", b"http://a@b"]
)
bearers = tokens.map(lambda token: b"Bearer " + token.encode(errors="replace"))
contents = st.sampled_from([b"multipart/form-data; boundary=x", b"text/plain; charset=hex"])
header_values = st.binary(max_size=60) | origins | bearers | contents | st.just(b"testserver")
headers = st.lists(st.tuples(names, header_values), max_size=6)
subprotocols = st.lists(st.just("progress") | tokens, max_size=3)
clients = st.none() | st.tuples(whole, st.integers(0, 65535)).map(list)
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE"]) | st.text(
    string.ascii_uppercase, min_size=1, max_size=9
)


class Client:
    """The server's side of one connection; ``sent`` has what the application sent."""

    def __init__(self, scope, application=addresses):
        self._inbox = asyncio.Queue()
        self.sent = []
        self._news = asyncio.Event()
        self.serving = asyncio.ensure_future(application(scope, self._inbox.get, self._take))

    async def _take(self, message):
        self.sent.append(message)
        self._news.set()

    def put(self, **message):
        self._inbox.put_nowait(message)

    async def until(self, condition):
        """Wait until a sent message fulfils the condition or the application has ended."""
        async with asyncio.timeout(PATIENCE):
            while not (self.serving.done() or any(map(condition, self.sent))):
                self._news.clear()
                news = asyncio.ensure_future(self._news.wait())
                await asyncio.wait([self.serving, news], return_when=asyncio.FIRST_COMPLETED)
                news.cancel()

    async def leave(self, kind):
        """Disconnect and wait until the application ends. Raises what it raises."""
        self.put(type=f"{kind}.disconnect", code=1006)
        async with asyncio.timeout(PATIENCE):
            await self.serving


def socket_scope(path, query=b"", headers=(), subprotocols=(), client=None):
    return {
        "type": "websocket",
        "path": f"/ws/progress{path}",
        "query_string": query,
        "headers": list(headers),
        "subprotocols": list(subprotocols),
        "client": client,
    }


class Bystander:
    """A watcher on the same hub, who gets an event after each case."""

    def __init__(self):
        self._client = Client(socket_scope("/"))
        self._client.put(type="websocket.connect")
        self._client.put(type="websocket.receive", text=rights.subscribe("bystander"))

    async def check(self):
        """Check that an event published now arrives."""
        version = (
            time.time_ns() // 1000
        )  # like the store's versions, since the hub sends UNKNOWN in between
        event = Event(task_id="bystander", state=State.PROGRESS, version=version, run=1)
        while "bystander" not in Hub.current()._subscription._listener.task_ids:
            await asyncio.sleep(0)  # the first time
        await get_channel_layer().group_send(group_name("bystander"), message(event))
        await self._client.until(lambda said: of(said, version))
        self._client.sent.clear()
        assert not self._client.serving.done()

    async def aclose(self):
        await self._client.leave("websocket")
        await Hub.current().aclose()


def of(message, version):
    """Whether the event is this one or a newer one of the hub."""
    return json.loads(message.get("text", "{}")).get("version", 0) >= version


def documented(message):
    """Whether the protocol documents this message."""
    kind = message["type"].partition(".")[2]
    if kind == "close":
        return message["code"] in {*Close}
    if kind == "send":
        frame = json.loads(message["text"], parse_constant=None)
        return frame["type"] in {"progress", "error", "ping", "token"}
    return kind == "accept"


async def talk(scope, frames):
    """Send the frames, then a frame that the application must answer."""
    client = Client(scope)
    client.put(type="websocket.connect")
    for frame in frames:
        client.put(
            type="websocket.receive", **{"text" if isinstance(frame, str) else "bytes": frame}
        )
    client.put(type="websocket.receive", text="the last one")
    await client.until(lambda said: said["type"] != "websocket.accept")
    await client.leave("websocket")
    assert any(said["type"] != "websocket.accept" for said in client.sent)
    assert all(documented(said) for said in client.sent), client.sent


async def ask(scope, body):
    """Send one HTTP request and return the status; without charsets, for which Django raises."""
    scope["headers"] = [header for header in scope["headers"] if b"charset" not in header[1]]
    client = Client(scope, pages)
    client.put(type="http.request", body=body)
    await client.until(lambda said: said["type"] == "http.response.body")
    await client.leave("http")
    return client.sent[0]["status"]
