"""The ASGI websocket application: one socket for one task, or for many."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from . import conf, protocol
from .access import UndecidedError
from .grants import Grants, TooManyError
from .groups import Change
from .handshakes import PROTOCOL, Handshake, Scope
from .hub import Hub
from .limits import Bucket, Pace
from .protocol import Close, Code, FrameError
from .tokens import Token, read_token
from .watcher import Watcher

logger = logging.getLogger("progress")

PATIENCE = 20  # bad frames after which the socket is closed
FRAMES_AT_ONCE = 200  # a page that comes back subscribes to all its tasks at once
SLOW_AFTER = 30.0  # seconds that a client may keep a frame waiting, where the server tells
FORBIDDEN = "you may not watch this task, or there is none"
#: What the socket is closed with when no answer was found.
WHY = {UndecidedError: Close.UNDECIDED, TooManyError: Close.TOO_MANY}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]


class ProgressConsumer:
    """One websocket.

    With a ``task_id`` from the route it watches that task, and is closed after its outcome; a
    client that comes with its right need not send a frame. Without one it watches what the client
    subscribes to. Nothing is watched that :func:`access.may` has not allowed.

    It is no ``channels`` consumer, on purpose: those take a channel a socket, and a hop through
    one thread of the process for each event.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._task_id: str | None = scope.get("url_route", {}).get("kwargs", {}).get("task_id")
        self._hub = Hub.current()
        self._now = asyncio.get_running_loop().time
        self._watcher = Watcher()
        self._grants = Grants(self._hub.sockets)
        self._frames = Bucket(conf.frame_rate(), FRAMES_AT_ONCE)
        self._bad_frames = 0
        self._code: Close | None = None  # what it is to be closed with
        self._closed = asyncio.Event()

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
        sockets = self._hub.sockets
        if not sockets.handshakes.take(self._now()):
            # Not accepted: the cheapest answer there is.
            await self._put({"type": "websocket.close", "code": int(Close.BUSY)})
            return
        address = (self._scope.get("client") or [None])[0]
        entered = sockets.enter("address", address)
        try:
            if await self._accept() and entered:
                await self._serve()
            elif not entered:
                self._close(Close.TOO_MANY)
            await self._say_goodbye()
        finally:
            self._grants.end()
            if entered:
                sockets.leave("address", address)

    async def _accept(self) -> bool:
        """Whether the handshake can be read, and comes from no other site's page."""
        # A page cannot see the code of a refused handshake, so accept first.
        try:
            handshake = self._grants.handshake = Handshake(self._scope)
        except ValueError:
            await self._put({"type": "websocket.accept"})
            self._close(Close.BAD_REQUEST)
            return False
        protocol = PROTOCOL if handshake.offers_protocol else None
        await self._put({"type": "websocket.accept", "subprotocol": protocol})
        if handshake.is_foreign:
            self._close(Close.FORBIDDEN)
        return not self._closed.is_set()

    async def _serve(self) -> None:
        self._hub.attach(self._watcher)
        self._hub.rights.add(self)
        tasks = [
            asyncio.ensure_future(each)
            for each in (self._write(), self._read(), self._closed.wait())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._unsubscribe(*self._grants.tokens)
            self._hub.rights.discard(self)
            self._hub.detach(self._watcher)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    async def _write(self) -> None:
        pace = Pace()
        async for text, event in self._watcher.frames():
            if self._closed.is_set():
                return
            try:
                async with asyncio.timeout(SLOW_AFTER):
                    await self._put({"type": "websocket.send", "text": text})
            except TimeoutError:
                self._close(Close.SLOW)
                return
            if event is not None and event.complete:
                self._unsubscribe(event.task_id)
                if self._task_id is not None:
                    self._close(Close.DONE)
                    return
            # Before the next frame is taken, so that what waits is the newest.
            if (wait := pace.wait(len(text.encode()), self._now())) > 0:
                await asyncio.sleep(wait)

    async def _read(self) -> None:
        try:
            if self._task_id is not None:
                await self._come(self._task_id)
            async with asyncio.timeout(None if self._grants.tokens else conf.first_frame()):
                message = await self._receive()
            while message["type"] != "websocket.disconnect" and not self._closed.is_set():
                await self._hear(message.get("text"))
                message = await self._receive()
        except TimeoutError:
            self._close(Close.SILENT)
        except (UndecidedError, TooManyError) as error:
            self._close(WHY[type(error)])

    async def _come(self, task_id: str) -> None:
        """Watch the task of the address, if what the client came with allows it."""
        text = self._grants.handshake.token
        if not await self._subscribe(task_id, read_token(text)) and text:
            self._close(Close.FORBIDDEN)

    async def _hear(self, text: str | None) -> None:
        if not self._frames.take(self._now()):
            self._close(Close.TOO_MANY)
            return
        try:
            await self._answer(protocol.parse(text))
        except FrameError as error:
            self._watcher.reply(protocol.error(Code.BAD_REQUEST, str(error)))
            self._bad_frames += 1
            if self._bad_frames > PATIENCE:
                self._close(Close.BAD_REQUEST)

    async def _answer(self, request: protocol.Request) -> None:
        task_id = request.task_id
        if self._task_id not in (None, task_id):
            raise FrameError("this address is for one task")
        if request.verb == "unsubscribe":
            self._unsubscribe(task_id)
        elif self._is_one_more(task_id):
            detail = f"a socket watches at most {conf.subscriptions()} tasks"
            self._watcher.reply(protocol.error(Code.TOO_MANY, detail, task_id))
        elif not await self._subscribe(task_id, read_token(request.token)):
            if self._task_id is not None:
                self._close(Close.FORBIDDEN)
            else:
                self._watcher.reply(protocol.error(Code.FORBIDDEN, FORBIDDEN, task_id))

    async def _subscribe(self, task_id: str, token: Token | None) -> bool:
        """Watch the task, if that is allowed; whether it is."""
        if not await self._grants.allow(task_id, token):
            return False
        if not self._closed.is_set():
            self._grants.tokens[task_id] = token
            self._hub.watch(task_id, self._watcher)
        return True

    def _unsubscribe(self, *task_ids: str) -> None:
        for task_id in task_ids:
            if task_id in self._grants.tokens:
                del self._grants.tokens[task_id]
                self._hub.unwatch(task_id, self._watcher)
                self._watcher.withdraw(task_id)

    def _is_one_more(self, task_id: str) -> bool:
        """Whether the socket watches as many tasks as it may, and this one is not among them."""
        watched = self._grants.tokens
        return task_id not in watched and len(watched) >= conf.subscriptions()

    def concerns(self, change: Change) -> bool:
        """See ``rights.Guarded``."""
        return self._grants.concerns(change)

    async def recheck(self) -> None:
        """See ``rights.Guarded``."""
        try:
            async for task_id, allowed in self._grants.again():
                if not allowed:
                    self._refuse(task_id)
                elif (text := self._grants.renewed(task_id)) is not None:
                    self._watcher.reply(protocol.renewal(task_id, text))
        except (UndecidedError, TooManyError) as error:
            self._close(WHY[type(error)])

    def _refuse(self, task_id: str) -> None:
        """A right has ended; with the last one the socket does."""
        self._unsubscribe(task_id)
        if self._grants.tokens:
            self._watcher.reply(protocol.error(Code.FORBIDDEN, FORBIDDEN, task_id))
        else:
            self._close(Close.ENDED)

    def _close(self, code: Close) -> None:
        """Once; no event is sent after it."""
        self._unsubscribe(*self._grants.tokens)
        if self._code is None:
            self._code = code
            self._closed.set()

    async def _say_goodbye(self) -> None:
        """Close, when nobody sends or receives any more: granian loses a close beside a receive."""
        if self._code is None:  # the client went
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(SLOW_AFTER):  # for who does not read
                # A plain int: autobahn refuses an enum.
                await self._put({"type": "websocket.close", "code": int(self._code)})

    async def _put(self, message: Message) -> None:
        try:
            await self._send(message)
        except Exception as error:  # each server has its own for a client that is gone
            logger.debug("A websocket is gone: %r", error)
            self._closed.set()


async def no_such_address(_scope: Scope, receive: Receive, send: Send) -> None:
    """Close a websocket with 4404, where Channels would raise."""
    await receive()
    # A page cannot see the code of a refused handshake, so accept first.
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": int(Close.NOT_FOUND)})
