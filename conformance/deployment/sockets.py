"""A websocket client that notes all it hears, and says in a sentence what it missed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.protocol import State

from ..checks import Broken
from ..limits import Limits

HANDSHAKE_WITHIN = 10.0  # seconds

Frame = dict[str, Any]


class Refused(Broken):
    """The handshake was answered with an HTTP status, or not at all (0)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the handshake was refused with {status}")
        self.status = status


class Closed(Broken):
    """The other side has closed the socket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the socket was closed with {code}")
        self.code, self.reason = code, reason


class Socket:
    """One websocket; ``texts`` are the frames that came, ``frames`` the same as JSON."""

    def __init__(self, connection: ClientConnection, limits: Limits) -> None:
        self._connection = connection
        self._at_once = limits.at_once
        self._outcome = limits.outcome
        self.texts: list[str] = []
        self.frames: list[Frame] = []

    @property
    def subprotocol(self) -> str | None:
        return self._connection.subprotocol

    @property
    def extensions(self) -> str | None:
        """What the server has agreed to, beyond the plain protocol."""
        response = self._connection.response
        return response and response.headers.get("Sec-WebSocket-Extensions")

    async def frame(self, within: float | None = None) -> Frame:
        """The next frame. Raises Closed, or Broken when none comes in so many seconds."""
        within = within or self._at_once
        try:
            async with asyncio.timeout(within):
                text = await self._connection.recv()
        except TimeoutError:
            raise Broken(f"no frame came within {within:g} s{self._after()}") from None
        except ConnectionClosed as error:
            code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
            raise Closed(code, reason) from None
        if not isinstance(text, str):
            raise Broken("a binary frame came")
        self.texts.append(text)
        self.frames.append(json.loads(text))
        return self.frames[-1]

    async def event(self, task_id: str | None = None, within: float | None = None) -> Frame:
        """The next event, of this task if one is named."""
        return await self.until(
            lambda frame: frame.get("type") == "progress" and task_id in (None, frame["task_id"]),
            within or self._at_once,
            "event" if task_id is None else f"event of {task_id}",
        )

    async def outcome(self, task_id: str | None = None) -> Frame:
        """The next event that is an outcome."""
        return await self.until(
            lambda frame: bool(frame.get("complete")) and task_id in (None, frame["task_id"]),
            self._outcome,
            "outcome",
        )

    async def error(self) -> Frame:
        """The next error frame."""
        return await self.until(
            lambda frame: frame.get("type") == "error", self._at_once, "error frame"
        )

    async def until(self, found: Callable[[Frame], bool], within: float, what: str) -> Frame:
        """The first frame of that kind from here on."""
        try:
            async with asyncio.timeout(within):
                while not found(await self.frame(within)):
                    pass
        except TimeoutError:
            raise Broken(f"no {what} came within {within:g} s{self._after()}") from None
        except Closed as closed:
            raise Broken(f"{closed} before an {what} came") from None
        return self.frames[-1]

    async def closed(self, within: float | None = None) -> Closed:
        """How the other side closes; what comes before is noted."""
        within = within or self._at_once
        try:
            async with asyncio.timeout(within):
                while True:
                    await self.frame(within)
        except TimeoutError:
            raise Broken(f"the socket was not closed within {within:g} s") from None
        except Closed as closed:
            return closed

    async def send(self, frame: Any) -> None:
        """A frame: text and bytes as they are, all else as JSON."""
        plain = isinstance(frame, str | bytes)
        try:
            await self._connection.send(frame if plain else json.dumps(frame))
        except ConnectionClosed:
            return  # who reads will hear of it

    async def subscribe(self, task: Any) -> None:
        """Ask for a task by its token."""
        await self.send({"type": "subscribe", "task_id": task.task_id, "token": task.token})

    async def unsubscribe(self, task: Any) -> None:
        await self.send({"type": "unsubscribe", "task_id": task.task_id})

    @property
    def is_closing(self) -> bool:
        """Whether the other side has said so, or is gone."""
        return self._connection.state is not State.OPEN

    def drop(self) -> None:
        """End the connection without a word."""
        self._connection.transport.abort()

    def pause(self) -> None:
        """Read no more."""
        self._connection.transport.pause_reading()

    def versions(self, task_id: str | None = None) -> list[int]:
        """Those of the events that came, in order."""
        return [frame["version"] for frame in self.events(task_id)]

    def events(self, task_id: str | None = None) -> list[Frame]:
        """The events that came, in order."""
        events = [frame for frame in self.frames if frame.get("type") == "progress"]
        return [event for event in events if task_id in (None, event["task_id"])]

    def _after(self) -> str:
        return f" after {self.texts[-1]:.60}" if self.texts else ""


@asynccontextmanager
async def open_socket(
    url: str,
    limits: Limits,
    *,
    origin: Any = None,
    subprotocols: Any = None,
    compression: str | None = None,
) -> AsyncIterator[Socket]:
    """A socket there. Raises Refused."""
    more: Any = {"origin": origin, "subprotocols": subprotocols, "compression": compression}
    try:
        # No pings of ours: the server's are what is looked at. Nothing is too long here.
        connection = await connect(
            url, open_timeout=HANDSHAKE_WITHIN, ping_interval=None, max_size=None, **more
        )
    except InvalidStatus as error:
        raise Refused(error.response.status_code) from None
    except (InvalidHandshake, OSError, EOFError):
        raise Refused(0) from None
    try:
        yield Socket(connection, limits)
    finally:
        connection.transport.abort()
