"""The ASGI websocket application: one socket for one task, or for many."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from .. import conf, protocol
from ..access.grants import Grants, TooManyError
from ..access.handshakes import PROTOCOL, Scope
from ..access.rules import UndecidedError
from ..access.tokens import Token, read_token
from ..events import Event
from ..hub import Hub
from ..layers.groups import Change
from ..limits import SLOW_AFTER, Bucket
from ..protocol import Close, Code, FrameError
from .writer import Gatherer, Message, Send, Writer

logger = logging.getLogger("progress")

PATIENCE = 20  # bad frames after which the socket is closed
FRAMES_AT_ONCE = 200  # a page that comes back subscribes to all its tasks at once
FORBIDDEN = "you may not watch this task, or there is none"
#: What the socket is closed with when no answer was found.
WHY = {UndecidedError: Close.UNDECIDED, TooManyError: Close.TOO_MANY}

Receive = Callable[[], Awaitable[Message]]
ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]


class ProgressConsumer:
    """One websocket.

    With a ``task_id`` from the route it watches that task, and is closed after its outcome; a
    client that comes with its right need not send a frame. Without one it watches what the client
    subscribes to. Nothing is watched that :func:`access.may` has not allowed.

    It is no ``channels`` consumer, on purpose: those take a channel a socket, and a hop through
    one thread of the process for each event.
    """

    __slots__ = (
        "_bad_frames",
        "_code",
        "_ended",
        "_frames",
        "_grants",
        "_hub",
        "_now",
        "_reading",
        "_receive",
        "_scope",
        "_send",
        "_task_id",
        "_writer",
    )

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, task_id: str | None = None
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._task_id = task_id
        self._hub = Hub.current()
        self._now = self._hub.turns.now
        self._frames: Bucket | None = None  # of those that send any
        self._bad_frames = 0
        self._ended = False
        self._code: Close | None = None  # what it is to be closed with, if the client is there
        self._reading: asyncio.Timeout | None = None

    @classmethod
    def as_asgi(cls) -> ASGIApplication:
        """The application, for a route."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "websocket":
                raise ValueError(f"this is a websocket address, not one for {scope['type']}")
            task_id = scope.get("url_route", {}).get("kwargs", {}).get("task_id")
            await cls(scope, receive, send, task_id).run()

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
            if await self._accept(entered=entered):
                await self._serve()
            await self._say_goodbye()
        finally:
            if entered:
                sockets.leave("address", address)

    async def _accept(self, *, entered: bool) -> bool:
        """Whether it is to be served; a page cannot see the code of a refused handshake."""
        try:
            self._grants = Grants(self._hub.sockets, self._scope)
        except ValueError:
            await self._put({"type": "websocket.accept"})
            self._code = Close.BAD_REQUEST
            return False
        handshake = self._grants.handshake
        protocol = PROTOCOL if handshake.offers_protocol else None
        await self._put({"type": "websocket.accept", "subprotocol": protocol})
        if handshake.is_foreign:
            self._code = Close.FORBIDDEN
        elif not entered:
            self._code = Close.TOO_MANY
        return self._code is None and not self._ended

    async def _serve(self) -> None:
        hub = self._hub
        gathers = self._task_id is None and self._grants.handshake.takes_batches
        self._writer = (Gatherer if gathers else Writer)(hub.turns, self._send, self)
        hub.attach(self._writer)
        hub.rights.add(self)
        try:
            async with asyncio.timeout(None) as reading:
                self._reading = reading
                try:
                    await self._read()
                finally:
                    self._reading = None  # there is nothing to interrupt any more
        except TimeoutError:  # ended while it waited, or nothing came
            self.end(Close.SILENT)
        except (UndecidedError, TooManyError) as error:
            self.end(WHY[type(error)])
        finally:
            self._unsubscribe(*self._grants.tokens)
            self._grants.end()
            hub.rights.discard(self)
            hub.detach(self._writer)
            await self._writer.end()

    def sent(self, outcome: Event) -> None:
        """See ``writer.Socket``."""
        self._unsubscribe(outcome.task_id)
        if self._task_id is not None:
            self.end(Close.DONE)

    async def _read(self) -> None:
        if self._task_id is not None:
            await self._come(self._task_id)
        if not self._ended and not self._grants.tokens:
            self._read_until(self._now() + conf.first_frame())
        while not self._ended:
            message = await self._receive()
            if self._ended or message["type"] == "websocket.disconnect":
                return
            self._read_until(None)
            await self._hear(message.get("text"))

    def _read_until(self, when: float | None) -> None:
        """Interrupt the reader then, while it reads."""
        if self._reading is not None and not self._reading.expired():
            self._reading.reschedule(when)

    async def _come(self, task_id: str) -> None:
        """Watch the task of the address, if what the client came with allows it."""
        text = self._grants.handshake.token
        if not await self._subscribe(task_id, read_token(text)) and text:
            self.end(Close.FORBIDDEN)

    async def _hear(self, text: str | None) -> None:
        if self._frames is None:
            self._frames = Bucket(conf.frame_rate(), FRAMES_AT_ONCE)
        if not self._frames.take(self._now()):
            self.end(Close.TOO_MANY)
            return
        try:
            await self._answer(protocol.parse(text))
        except FrameError as error:
            self._writer.reply(protocol.error(Code.BAD_REQUEST, str(error)))
            self._bad_frames += 1
            if self._bad_frames > PATIENCE:
                self.end(Close.BAD_REQUEST)

    async def _answer(self, request: protocol.Request) -> None:
        task_id = request.task_id
        if self._task_id not in (None, task_id):
            raise FrameError("this address is for one task")
        if request.verb == "unsubscribe":
            self._unsubscribe(task_id)
        elif self._is_one_more(task_id):
            detail = f"a socket watches at most {conf.subscriptions()} tasks"
            self._writer.reply(protocol.error(Code.TOO_MANY, detail, task_id))
        elif not await self._subscribe(task_id, read_token(request.token)):
            if self._task_id is not None:
                self.end(Close.FORBIDDEN)
            else:
                self._writer.reply(protocol.error(Code.FORBIDDEN, FORBIDDEN, task_id))

    async def _subscribe(self, task_id: str, token: Token | None) -> bool:
        """Watch the task, if that is allowed; whether it is."""
        if not await self._grants.allow(task_id, token):
            return False
        if not self._ended:
            self._grants.tokens[task_id] = token
            self._hub.watch(task_id, self._writer)
        return True

    def _unsubscribe(self, *task_ids: str) -> None:
        for task_id in task_ids:
            if task_id in self._grants.tokens:
                del self._grants.tokens[task_id]
                self._hub.unwatch(task_id, self._writer)
                self._writer.withdraw(task_id)

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
            async for task_id in self._grants.again(self._writer.reply):
                self._refuse(task_id)
        except (UndecidedError, TooManyError) as error:
            self.end(WHY[type(error)])

    def _refuse(self, task_id: str) -> None:
        """A right has ended; with the last one the socket does."""
        self._unsubscribe(task_id)
        if self._grants.tokens:
            self._writer.reply(protocol.error(Code.FORBIDDEN, FORBIDDEN, task_id))
        else:
            self.end(Close.ENDED)

    def end(self, code: Close | None) -> None:
        """Once; no event is sent after it. Without a code: the client is gone."""
        self._unsubscribe(*self._grants.tokens)
        if not self._ended:
            self._ended, self._code = True, code
            self._writer.stop()
            self._read_until(self._now())

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
            self._ended = True


async def no_such_address(_scope: Scope, receive: Receive, send: Send) -> None:
    """Close a websocket with 4404, where Channels would raise."""
    await receive()
    # A page cannot see the code of a refused handshake, so accept first.
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": int(Close.NOT_FOUND)})
