"""The doors to a task: each way to watch or cancel it, with one kind of answer for all."""

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from typing import NamedTuple
from urllib.parse import quote, urlencode

from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import AsyncClient

from progress import asgi
from progress.hub import Hub
from progress.reporting import current
from progress.reporting.current import current_publisher
from progress.routing import websocket_urlpatterns

OWN = "http://testserver"
application = URLRouter(websocket_urlpatterns)
WORDS = {200: "allowed", 202: "allowed", 403: "forbidden", 429: "too many", 503: "undecided"}
WORDS |= {4401: "ended", 4403: "forbidden", 4429: "too many", 4503: "undecided", 1000: "done"}


class Visitor:
    """A browser on a page of the site, with its cookies; without an origin, a script."""

    def __init__(self, *origins, host="testserver", scheme="ws", **client):
        self.origins, self.host, self.scheme = origins, host, scheme
        self.more = []  # headers
        self.client = AsyncClient(**client)

    @classmethod
    async def signed_in(cls, user, *origins, **more):
        """One with a session of the user."""
        visitor = cls(*origins, **more)
        await visitor.client.aforce_login(user)
        return visitor

    @property
    def cookie(self):
        """The session's key."""
        morsel = self.client.cookies.get(settings.SESSION_COOKIE_NAME)
        return morsel and morsel.value

    @property
    def headers(self):
        """Those of its handshake."""
        named = [("host", self.host), *(("origin", each) for each in self.origins), *self.more]
        if self.cookie:
            named.append(("cookie", f"{settings.SESSION_COOKIE_NAME}={self.cookie}"))
        return [(name.encode(), value.encode()) for name, value in named]


class Answer(NamedTuple):
    """An answer in one word, and the raw answer."""

    word: str
    raw: object


class Socket(WebsocketCommunicator):
    """A websocket of a visitor, from the server's side."""

    def __init__(
        self, visitor, path="/ws/progress/", subprotocols=None, application=application, root=""
    ):
        super().__init__(application, path, visitor.headers, subprotocols)
        self.scope |= {"client": ["127.0.0.1", 4711], "scheme": visitor.scheme, "root_path": root}
        self.reason = None  # why it was closed

    async def __aenter__(self):
        assert (await self.connect())[0]
        return self

    async def __aexit__(self, *_):
        await self.disconnect()

    async def subscribe(self, task_id, token):
        frame = {"type": "subscribe", "task_id": task_id, "token": token}
        await self.send_to(text_data=json.dumps(frame))

    async def answer(self, within=10):
        """What comes next: a frame or the close, which an error frame with the reason precedes."""
        message = await self.receive_output(within)
        frame = json.loads(message.get("text") or "{}")
        if frame.get("reason") and "task_id" not in frame:
            self.reason = frame["reason"]
            message = await self.receive_output(within)
            assert message["type"] == "websocket.close"
        if message["type"] == "websocket.close":
            await self.is_over()
            return Answer(WORDS.get(message["code"], str(message["code"])), message)
        word = {"progress": "allowed", "error": frame.get("code")}.get(frame["type"], frame["type"])
        return Answer(word, message)

    async def until(self, *words, within=10):
        """The first answer of those words."""
        async with asyncio.timeout(within):
            while (answer := await self.answer()).word not in words:
                pass
        return answer

    async def is_over(self):
        """Closed: the application has ended, so that nothing can come any more."""
        await self.wait(10)
        assert self.output_queue.empty()

    async def hears_nothing_of(self, task_id):
        """Refused: news of the task do not reach it."""
        assert task_id not in Hub.current()._topics
        if not self.future.done():
            await news(task_id)
            for _ in range(2):  # an answer goes before events that wait
                await self.send_to(text_data="nonsense")
                assert (await self.answer()).word == "bad_request"
        assert self.output_queue.empty()


async def news(task_id):
    """Begin a run of the task, and wait until all its watchers got the event."""
    current_publisher().open(task_id)
    assert await asyncio.to_thread(current.flush, 5)


class SocketDoor:
    """Watch over a websocket; ``way`` says how the token is sent."""

    transport, action = "websocket", "watch"

    def __init__(self, way):
        self.way, self.name = way, f"websocket-{way}"

    @asynccontextmanager
    async def open(self, visitor, task_id, token):
        """The socket, asked for the task."""
        path = "/ws/progress/" + ("" if self.way == "shared" else f"{quote(task_id)}/")
        if self.way == "query" and token:
            path += "?" + urlencode({"token": token})
        offered = ["progress", token] if self.way == "protocol" and token else None
        async with Socket(visitor, path, offered) as socket:
            if self.way in {"shared", "frame"}:
                await socket.subscribe(task_id, token)
            yield socket

    async def ask(self, visitor, task_id, token):
        """The answer; after a refusal nothing of the task may come."""
        async with self.open(visitor, task_id, token) as socket:
            answer = await socket.answer()
            if answer.word != "allowed":
                await socket.hears_nothing_of(task_id)
            return answer


class RequestDoor:
    """Watch or cancel over HTTP."""

    transport = "http"

    def __init__(self, action, way):
        self.action, self.way, self.name = action, way, f"http-{action}-{way}"

    async def ask(self, visitor, task_id, token):
        """The answer, with its headers."""
        headers = {"origin": visitor.origins[0]} if visitor.origins else {}
        if self.way == "bearer" and token:
            headers["authorization"] = f"Bearer {token}"
        fields = {"token": token} if self.way != "bearer" and token else {}
        path = f"/progress/{quote(task_id)}/"
        if self.action == "cancel":
            response = await visitor.client.post(f"{path}cancel/", fields, headers=headers)
        else:
            response = await visitor.client.get(path, fields, headers=headers)
        assert response.status_code == 403 or "no-store" in response["Cache-Control"]
        return Answer(WORDS[response.status_code], (response.content, response.items()))


class StreamDoor:
    """Watch by an event stream."""

    transport, action, name = "http", "watch", "http-events"

    async def ask(self, visitor, task_id, token):
        """The answer; when it is allowed, with the first event, and left then."""
        headers = {"origin": visitor.origins[0]} if visitor.origins else {}
        path = f"/progress/{quote(task_id)}/events"
        response = await visitor.client.get(
            path, {"token": token} if token else {}, headers=headers
        )
        if response.status_code == 200:
            assert await anext(events(response))
        content = "" if response.streaming else response.content
        return Answer(WORDS[response.status_code], (content, response.items()))


async def events(response):
    """Yield the events of a stream."""
    async with aclosing(aiter(response)) as chunks:
        async for chunk in chunks:
            if b"data: {" in chunk:
                yield json.loads(chunk.decode().partition("data: ")[2])


class EmbeddedSocketDoor(SocketDoor):
    """Watch over a websocket of the embedded application."""

    def __init__(self):
        self.way, self.name = "shared", "embedded-websocket"

    @asynccontextmanager
    async def open(self, visitor, task_id, token):
        """The socket, asked for the task."""
        where = {"application": asgi.application, "root": "/mounted"}
        async with Socket(visitor, "/mounted/", **where) as socket:
            await socket.subscribe(task_id, token)
            yield socket


class EmbeddedRequestDoor:
    """Watch over HTTP through the embedded application."""

    transport, action, name = "http", "watch", "embedded-http"

    async def ask(self, visitor, task_id, token):
        """The answer, with its headers."""
        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "root_path": "/mounted",
            "path": f"/mounted/{task_id}/",
            "query_string": urlencode({"token": token} if token else {}).encode(),
            "headers": visitor.headers,
        }
        request = ApplicationCommunicator(asgi.application, scope)
        await request.send_input({"type": "http.request"})
        start, body = [await request.receive_output(10) for _ in range(2)]
        await request.wait(10)
        return Answer(WORDS[start["status"]], (body["body"], start["headers"]))


SOCKETS = [SocketDoor(way) for way in ("shared", "query", "protocol", "frame")]
WATCHED = [RequestDoor("watch", "query"), RequestDoor("watch", "bearer")]
CANCELS = [RequestDoor("cancel", "form"), RequestDoor("cancel", "bearer")]
DOORS = [*SOCKETS, *WATCHED, *CANCELS, StreamDoor(), EmbeddedSocketDoor(), EmbeddedRequestDoor()]


def named(doors):
    """Return arguments for parametrize with readable ids."""
    return {"argvalues": doors, "ids": lambda door: door.name}
