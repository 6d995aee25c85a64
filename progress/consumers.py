"""The ASGI websocket application: one socket for one task, or for many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from . import protocol
from .hub import Hub
from .protocol import Close, Code, FrameError
from .watcher import Watcher

SUBSCRIPTIONS = 100  # tasks one socket may watch
PATIENCE = 20  # bad frames after which the socket is closed
SLOW_AFTER = 30.0  # seconds that a client may keep a frame waiting, where the server tells
PACE = 64 * 1024  # bytes a second that a socket is sent in the long run
CREDIT = 8.0  # seconds of unused pace that may be sent at once

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]


class Pace:
    """How fast a socket is sent frames.

    Daphne's ``send`` never waits: it keeps what a client does not read, until the client owes it
    a pong for 30 s, which is 50 s after it last read. What goes into that is bounded here.
    """

    __slots__ = ("_paid_until",)

    def __init__(self) -> None:
        self._paid_until = -CREDIT

    def wait(self, size: int, now: float) -> float:
        """Seconds to wait after a frame of so many bytes; not above zero: none."""
        self._paid_until = max(self._paid_until, now - CREDIT) + size / PACE
        return self._paid_until - now


class ProgressConsumer:
    """One websocket.

    With a ``task_id`` from the route it watches that task, and is closed after its outcome; the
    client need not send a frame. Without one it watches what the client subscribes to.

    It is no ``channels`` consumer, on purpose: those take a channel a socket, and a hop through
    one thread of the process for each event.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._task_id: str | None = scope.get("url_route", {}).get("kwargs", {}).get("task_id")
        self._hub = Hub.current()
        self._watcher = Watcher()
        self._watched: set[str] = set()
        self._bad_frames = 0

    @classmethod
    def as_asgi(cls) -> ASGIApplication:
        """The application, for a route."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "websocket":
                raise ValueError(f"this is a websocket address, not one for {scope['type']}")
            await cls(scope, receive, send).run()

        return application

    async def run(self) -> None:
        """Serve the socket until either side closes it."""
        await self._receive()  # websocket.connect
        await self._send({"type": "websocket.accept"})
        self._hub.attach(self._watcher)
        if self._task_id is not None:
            self._subscribe(self._task_id)
        writer = asyncio.ensure_future(self._write())
        reader = asyncio.ensure_future(self._read())
        try:
            await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task_id in list(self._watched):
                self._unsubscribe(task_id)
            self._hub.detach(self._watcher)
            for task in (writer, reader):
                task.cancel()
                with suppress(asyncio.CancelledError, OSError):  # OSError: the client is gone
                    await task

    async def _write(self) -> None:
        pace, now = Pace(), asyncio.get_running_loop().time
        async for text, event in self._watcher.frames():
            try:
                async with asyncio.timeout(SLOW_AFTER):
                    await self._send({"type": "websocket.send", "text": text})
            except TimeoutError:
                await self._give_up()
                return
            if event is not None and event.complete:
                self._unsubscribe(event.task_id)
                if self._task_id is not None:
                    await self._close(Close.DONE)
                    return
            # Before the next frame is taken, so that what waits is the newest.
            if (wait := pace.wait(len(text.encode()), now())) > 0:
                await asyncio.sleep(wait)

    async def _give_up(self) -> None:
        """The client does not read. Should it do so again soon, it hears why it was left."""
        for task_id in list(self._watched):
            self._unsubscribe(task_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(SLOW_AFTER):
                await self._close(Close.SLOW)

    async def _read(self) -> None:
        while (message := await self._receive())["type"] != "websocket.disconnect":
            try:
                self._answer(protocol.parse(message.get("text")))
            except FrameError as error:
                self._watcher.reply(protocol.error(Code.BAD_REQUEST, str(error)))
                self._bad_frames += 1
                if self._bad_frames > PATIENCE:
                    await self._close(Close.BAD_REQUEST)
                    return

    def _answer(self, request: protocol.Request) -> None:
        if self._task_id is not None:
            raise FrameError("this address is for one task and takes no frames")
        if request.verb == "unsubscribe":
            self._unsubscribe(request.task_id)
        elif request.task_id not in self._watched and len(self._watched) >= SUBSCRIPTIONS:
            detail = f"a socket watches at most {SUBSCRIPTIONS} tasks"
            self._watcher.reply(protocol.error(Code.TOO_MANY, detail, request.task_id))
        else:
            self._subscribe(request.task_id)

    def _subscribe(self, task_id: str) -> None:
        self._watched.add(task_id)
        self._hub.watch(task_id, self._watcher)

    def _unsubscribe(self, task_id: str) -> None:
        if task_id in self._watched:
            self._watched.discard(task_id)
            self._hub.unwatch(task_id, self._watcher)
            self._watcher.withdraw(task_id)

    async def _close(self, code: Close) -> None:
        # A plain int: autobahn refuses an enum.
        await self._send({"type": "websocket.close", "code": int(code)})
