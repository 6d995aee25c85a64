"""The ASGI websocket application: one socket for one task, or for many."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from .. import conf, protocol
from ..access import refusals
from ..access.handshakes import PROTOCOL
from ..events import Event
from ..exceptions import TooManyConnections
from ..hub import Hub
from ..limits import SLOW_AFTER
from ..protocol import Close, Code, Reason
from ..types import ASGIApplication, Message, Receive, Scope, Send
from .connections import Connection
from .dialogue import FORBIDDEN, Dialogue, Ending
from .writer import Gatherer, Writer

logger = logging.getLogger(__name__)

#: The error frame before a close with a reason. It names no task, since it concerns the socket.
ERRORS = {
    Close.FORBIDDEN: (Code.FORBIDDEN, "no right to watch"),
    Close.ENDED: (Code.FORBIDDEN, "no right to watch any more"),
    Close.TOO_MANY: (Code.TOO_MANY, "come back later"),
}


class ProgressConsumer:
    """One websocket.

    With a ``task_id`` from the route it watches that task and closes after the outcome; a client
    with a token or session in the handshake need not send any frame. Without a ``task_id`` it
    watches the tasks to which the client subscribes. ``access.may`` must allow each task.

    It is not a consumer of Channels: that would need a channel for each socket, and would pass each
    event through the process's one sync thread.
    """

    __slots__ = (
        "_code",
        "_connection",
        "_dialogue",
        "_ended",
        "_hub",
        "_reason",
        "_receive",
        "_receiving",
        "_scope",
        "_send",
        "_takes_batches",
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
        self._ended = False
        self._code: Close | None = None  # the code to close with; None if the client is gone
        self._reason: str | None = None
        self._receiving: asyncio.Timeout | None = None  # set while it waits for a frame

    @classmethod
    def as_asgi(cls) -> ASGIApplication:
        """Return the ASGI application for a route."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "websocket":
                raise ValueError(f"this is a websocket address, not one for {scope['type']}")
            task_id = scope.get("url_route", {}).get("kwargs", {}).get("task_id")
            await cls(scope, receive, send, task_id).run()

        return application

    async def run(self) -> None:
        """Serve the socket until either side closes it."""
        await self._receive()  # websocket.connect
        if not self._hub.sockets.handshakes.take(self._hub.turns.now()):
            # Closing before accepting is the cheapest answer.
            await self._put({"type": "websocket.close", "code": int(Close.BUSY)})
            return
        if await self._greet():
            try:
                with self._connection:
                    if not self._ended:
                        await self._serve()
            except TooManyConnections as error:
                refusals.log(Reason(error.reason))
                self._code, self._reason = Close.TOO_MANY, error.reason
                self._connection.close()
        await self._close()

    async def _greet(self) -> bool:
        """Accept the client; return whether it may stay.

        A variable of a caller that serves the socket would keep the handshake, 2 KB, for its life.
        """
        try:
            self._connection = Connection(self._scope, self)
        except ValueError:
            await self._accept(None)
            self._code = Close.BAD_REQUEST
            return False
        handshake = self._connection.grants.handshake
        await self._accept(PROTOCOL if handshake.offers_protocol else None)
        if handshake.is_foreign:
            refusals.log_foreign_origin(handshake)
            self._code, self._reason = Close.FORBIDDEN, Reason.FOREIGN_ORIGIN
            self._connection.close()
            return False
        self._takes_batches = handshake.takes_batches and self._task_id is None
        return True

    async def _accept(self, subprotocol: str | None) -> None:
        """Accept every client, since a page cannot see the close code of a refused handshake."""
        await self._put({"type": "websocket.accept", "subprotocol": subprotocol})

    async def _serve(self) -> None:
        kind = Gatherer if self._takes_batches else Writer
        self._writer = kind(self._hub.turns, self._send, self)
        self._dialogue = Dialogue(self._connection, self._writer, self._task_id)
        self._connection.open(self._writer)
        try:
            await self._read()
        except Ending as ending:
            if ending.reason is not None and ending.code is not Close.FORBIDDEN:
                refusals.log(Reason(ending.reason))  # the rule's are logged with the task
            self.end(ending.code, ending.reason)
        finally:
            self._connection.close()
            await self._writer.end()

    async def _read(self) -> None:
        await self._dialogue.begin()
        deadline: float | None = self._hub.turns.now() + conf.first_frame()
        while not self._ended:
            if deadline is not None and self._connection.grants:
                deadline = None  # a client that has watched a task has no deadline
            message = await self._next_message(deadline)
            if message is None or message["type"] == "websocket.disconnect" or self._ended:
                return
            await self._dialogue.receive(message.get("text"), self._hub.turns.now())

    async def _next_message(self, deadline: float | None) -> Message | None:
        """Wait for a message; return None after a call of :meth:`end`. Raises Ending."""
        try:
            async with asyncio.timeout_at(deadline) as self._receiving:
                return await self._receive()
        except TimeoutError:
            if not self._ended:
                raise Ending(Close.SILENT, Reason.NOTHING_WATCHED) from None
            return None
        finally:
            self._receiving = None

    def sent(self, outcome: Event) -> None:
        """See ``connections.Client``."""
        self._connection.unwatch(outcome.task_id)
        if self._task_id is not None:
            self.end(Close.DONE)

    def refuse(self, task_id: str, reason: Reason) -> None:
        """See ``connections.Client``. The socket closes when its last right has ended."""
        if self._connection.grants:
            self._dialogue.refuse(Code.FORBIDDEN, FORBIDDEN, task_id, reason)
        else:
            self.end(Close.ENDED, reason)

    def end(self, code: Close | None, reason: str | None = None) -> None:
        """See ``connections.Client``. Only the first call counts."""
        self._connection.close()
        if self._ended:
            return
        self._ended, self._code, self._reason = True, code, reason
        self._writer.stop()
        if self._receiving is not None and not self._receiving.expired():
            self._receiving.reschedule(self._hub.turns.now())

    async def _close(self) -> None:
        """Close after all sends and receives: granian loses a close during a receive."""
        if self._code is None:  # the client is gone
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(SLOW_AFTER):  # in case the client does not read
                if self._code in ERRORS and self._reason is not None:
                    code, words = ERRORS[self._code]
                    detail = f"{words}: {refusals.WORDS[Reason(self._reason)]}"
                    text = protocol.error(code, detail, reason=self._reason)
                    await self._put({"type": "websocket.send", "text": text})
                # A plain int, since autobahn rejects an enum.
                await self._put({"type": "websocket.close", "code": int(self._code)})

    async def _put(self, message: Message) -> None:
        try:
            await self._send(message)
        except Exception as error:  # each server raises its own error for a client that is gone
            logger.debug("A websocket is gone: %r", error)
            self._ended = True


async def no_such_address(_scope: Scope, receive: Receive, send: Send) -> None:
    """Close a websocket at an unknown address with 4404; Channels would raise an error."""
    await receive()
    # A page cannot see the code of a refused handshake, so accept first.
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": int(Close.NOT_FOUND)})
