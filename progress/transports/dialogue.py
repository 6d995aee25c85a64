"""Handles the frames of a websocket's client, and replies to them."""

from __future__ import annotations

from .. import conf, protocol
from ..access import refusals
from ..exceptions import RefusedError, TooManyConnections, UndecidedError
from ..hub.outbox import Outbox
from ..limits import Bucket
from ..protocol import Close, Code, FrameError, Reason
from .connections import Connection

BAD_FRAMES = 20  # invalid frames after which the socket is closed
FRAMES_AT_ONCE = 200  # a page that reconnects subscribes to all its tasks at once
REPLIES = 300  # replies that may wait for a client that sends frames but does not read
FORBIDDEN = "you may not watch this task, or it does not exist"


class Ending(Exception):  # noqa: N818 - not an error
    """Ends the dialogue: the socket is closed with this code and reason."""

    def __init__(self, code: Close, reason: str | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Dialogue:
    """Handles the frames of one client; ``task_id`` is the task in the address, or None.

    Its methods raise Ending when the socket must be closed.
    """

    __slots__ = ("_bad_frames", "_budget", "_connection", "_outbox", "_task_id")

    def __init__(self, connection: Connection, outbox: Outbox, task_id: str | None) -> None:
        self._connection = connection
        self._outbox = outbox
        self._task_id = task_id
        self._budget: Bucket | None = None  # made when the client sends its first frame
        self._bad_frames = 0

    async def begin(self) -> None:
        """Watch the task in the address, if the handshake proves the right to watch it."""
        if self._task_id is None:
            return
        token = self._connection.grants.handshake.token
        try:
            await self._watch(self._task_id, token)
        except RefusedError as refused:
            if token:  # without a token, the client may send one in a frame
                refusals.log_refused(refused)
                raise Ending(Close.FORBIDDEN, refused.reason) from None

    async def receive(self, text: str | None, now: float) -> None:
        """Handle a client's frame; None stands for a binary frame."""
        if self._budget is None:
            burst = max(FRAMES_AT_ONCE, 2 * conf.subscriptions())
            self._budget = Bucket(conf.frame_rate(), burst)
        if not self._budget.take(now):
            raise Ending(Close.TOO_MANY, Reason.FRAME_RATE)
        if self._outbox.waiting_replies >= REPLIES:
            raise Ending(Close.SLOW)
        try:
            await self._answer(protocol.parse(text))
        except FrameError as error:
            self._outbox.reply(protocol.error(Code.BAD_REQUEST, str(error)))
            self._bad_frames += 1
            if self._bad_frames > BAD_FRAMES:
                raise Ending(Close.BAD_REQUEST) from None

    def refuse(self, code: Code, detail: str, task_id: str, reason: str) -> None:
        """Reply that this subscription is refused, or has ended."""
        frame = protocol.error(code, detail, task_id, reason)
        self._outbox.reply(frame, about=("error", task_id))

    async def _answer(self, request: protocol.Request) -> None:
        task_id = request.task_id
        if self._task_id not in (None, task_id):
            raise FrameError("this address is for one task only")
        if request.verb == "unsubscribe":
            self._connection.unwatch(task_id)
        elif self._is_one_more(task_id):
            detail = f"a socket watches at most {conf.subscriptions()} tasks"
            self.refuse(Code.TOO_MANY, detail, task_id, Reason.SUBSCRIPTIONS)
        else:
            await self._subscribe(task_id, request.token)

    async def _subscribe(self, task_id: str, token: str | None) -> None:
        try:
            await self._watch(task_id, token)
        except RefusedError as refused:
            refusals.log_refused(refused)
            if self._task_id is not None:
                raise Ending(Close.FORBIDDEN, refused.reason) from None
            self.refuse(Code.FORBIDDEN, FORBIDDEN, task_id, refused.reason)

    async def _watch(self, task_id: str, token: str | None) -> None:
        try:
            await self._connection.watch(task_id, token)
        except UndecidedError:
            raise Ending(Close.UNDECIDED) from None
        except TooManyConnections as error:
            raise Ending(Close.TOO_MANY, error.reason) from None

    def _is_one_more(self, task_id: str) -> bool:
        """Return whether watching this task too would exceed PROGRESS_SUBSCRIPTIONS."""
        watched = self._connection.grants
        return task_id not in watched and len(watched) >= conf.subscriptions()
