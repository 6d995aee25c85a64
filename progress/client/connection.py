"""A websocket to a site; it reconnects when the connection breaks."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

try:
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import (
        ConnectionClosed,
        InvalidHandshake,
        InvalidProxy,
        InvalidStatus,
        InvalidURI,
    )
    from websockets.typing import Subprotocol
except ImportError as missing:
    raise ImportError(
        "watching from Python needs websockets: pip install channels-progress[client]"
    ) from missing

from .refusals import SILENT, TOO_MANY, TooManyError, UnreachableError, WatchError, refusal

logger = logging.getLogger(__name__)

SILENCE = 50.0  # seconds without a frame until a connection counts as broken; pings come every 20
OPEN_TIMEOUT = 10.0  # seconds that a handshake may take
LAST_OPEN_TIMEOUT = 2.0  # the same limit for the last try before patience ends
STEADY = 5.0  # seconds after which a connection counts as working
CLOSE_TIMEOUT = 1.0  # seconds that the server may take to answer a close
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds; the upper bounds of the jitter
LATE = 30.0  # seconds until a retry after 4408 or 4429; at most twice as long
FIRST_PATIENCE = 30.0  # seconds until an address that never worked counts as wrong
BUSY = {403, 408, 425, 429}  # HTTP statuses of busy servers and proxies; 5xx counts too
PROTOCOL = "progress"
TOKEN_MARKS = frozenset("!#$%&'*+-.^_`|~")  # RFC 9110's tchar, besides letters and digits


class Receiver(Protocol):
    """Handles the frames of a connection, and names the frames to send when it opens."""

    token: str | None

    @property
    def is_over(self) -> bool:
        """Return whether the receiver needs no more frames."""

    def requests(self) -> Iterable[str]:
        """Return the frames to send at the beginning of each connection."""

    def receive(self, frame: str | bytes) -> None:
        """Handle a frame. Raises WatchError if the frame ends the watching."""


class SocketURL:
    """A websocket URL whose token moved from the query string into a header.

    ``batch`` is removed from the query string too: only pages want events in batches. Raises
    ValueError for a URL that is not a websocket's; the message does not repeat the query string.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(
                "the URL must start with ws:// or wss:// and a host, as the websocket_url of "
                f"addresses() does; this is {_shown(url)}"
            )
        _ = parts.port  # raises ValueError if it is not a port
        query = parse_qsl(parts.query, keep_blank_values=True)
        rest = urlencode([field for field in query if field[0] not in ("token", "batch")])
        self.token = dict(query).get("token") or None
        self.url = parts._replace(query=rest, fragment="").geturl()
        self.path = parts.path
        self.shown = _shown(url)


class Connection:
    """Keeps a websocket open; gives up after ``patience`` seconds without a connection."""

    def __init__(
        self,
        url: SocketURL,
        receiver: Receiver,
        *,
        headers: Mapping[str, str] | None,
        patience: float | None,
    ) -> None:
        self._url = url
        self._receiver = receiver
        self._headers = dict(headers or {})
        self._chosen_patience = patience
        self._worked = False
        self._tries = 0
        self._opened_at = math.inf
        self._lost_at = math.inf
        self._logged = False  # whether the present failure was logged
        self._late: WatchError | None = None  # the reason for a long wait before the next try

    @property
    def _patience(self) -> float:
        if self._chosen_patience is not None:
            return self._chosen_patience
        return math.inf if self._worked else FIRST_PATIENCE

    async def run(self) -> None:
        """Connect and reconnect until the receiver needs no more frames. Raises WatchError."""
        self._lost_at = time.monotonic()
        while not self._receiver.is_over:
            try:
                why = await self._use(await self._open())
            except (OSError, EOFError, InvalidHandshake, InvalidProxy, InvalidURI) as error:
                why = self._reason_to_retry(error)
            if not self._receiver.is_over:
                await asyncio.sleep(self._pause(why))

    async def _open(self) -> ClientConnection:
        token, left = self._receiver.token, self._lost_at + self._patience - time.monotonic()
        return await connect(
            self._url.url,
            subprotocols=[Subprotocol(each) for each in (PROTOCOL, token) if each],
            additional_headers=self._headers,
            open_timeout=min(OPEN_TIMEOUT, max(left, LAST_OPEN_TIMEOUT)),
            ping_interval=None,  # the server sends the pings
            close_timeout=CLOSE_TIMEOUT,
        )

    async def _use(self, websocket: ClientConnection) -> str:
        """Receive frames until the connection ends; return why it ended."""
        self._opened_at = time.monotonic()
        try:
            await self._receive(websocket)
        except TimeoutError:
            websocket.transport.abort()  # a silent server would not answer a close frame either
            return f"it sent nothing for {SILENCE:g} s"
        except ConnectionClosed:
            return self._reason_of_close(websocket.close_code or 0)
        except TooManyError as error:
            if error.task_id is not None:
                raise
            return self._wait_long(error)  # it is about the whole socket
        finally:
            self._lost_at = min(self._lost_at, time.monotonic())
            try:
                await websocket.close()
            finally:
                websocket.transport.abort()  # also when this task is cancelled meanwhile
        return "all frames were received"

    async def _receive(self, websocket: ClientConnection) -> None:
        async with asyncio.timeout(SILENCE):
            for request in self._receiver.requests():
                await websocket.send(request)
        while not self._receiver.is_over:
            async with asyncio.timeout(SILENCE):
                frame = await websocket.recv()
            self._receiver.receive(frame)  # before the next step, since it may be a refusal
            if self._logged:
                logger.warning("Connected to %s again", self._url.shown)
            self._lost_at, self._logged, self._worked = math.inf, False, True

    def _reason_of_close(self, code: int) -> str:
        """Return why the server closed the websocket. Raises WatchError if a retry would fail."""
        if not 4400 <= code < 4500:
            return f"it was closed with {code}"
        if code == TOO_MANY:
            return self._wait_long(refusal(code))
        if code == SILENT and any(self._receiver.requests()):
            late = "the subscriptions came too late (close code 4408)"
            return self._wait_long(UnreachableError(f"{self._url.shown}: {late}"))
        raise refusal(code) from None

    def _wait_long(self, error: WatchError) -> str:
        self._late, self._worked = error, True  # a server with this close code is the right one
        return f"{error}"

    def _reason_to_retry(self, error: Exception) -> str:
        """Return why the handshake failed. Raises UnreachableError if a retry would fail too."""
        why, is_final = _reason(error)
        # An address that has worked is right: while a site restarts, a proxy may answer anything.
        if is_final and not self._worked:
            raise UnreachableError(f"{self._url.shown}: {why}") from error
        return why

    def _pause(self, why: str) -> float:
        """Return seconds until the next try (full jitter). Raises WatchError if none is left."""
        now = time.monotonic()
        if now - self._opened_at > STEADY:
            self._tries = 0
        self._opened_at = math.inf
        left = self._lost_at + self._patience - now
        late, self._late = self._late, None
        if late and left < LATE:
            raise late
        if left <= 0:
            trouble = f"no connection for {self._patience:g} s; last reason: {why}"
            raise UnreachableError(f"{self._url.shown}: {trouble}")
        if not self._logged:
            logger.warning("No connection to %s, trying again: %s", self._url.shown, why)
        self._logged = True
        if late:
            return min(left, random.uniform(LATE, 2 * LATE))  # noqa: S311 - not for secrets
        most = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._tries, 10))
        self._tries += 1
        return min(left, random.uniform(0, most))  # noqa: S311 - not for secrets


def checked_token(token: str) -> str:
    """Return the token. Raises ValueError if it cannot be sent in a header."""
    if not all(each.isascii() and (each.isalnum() or each in TOKEN_MARKS) for each in token):
        raise ValueError("a token consists of letters, digits and -_. as make_token() writes it")
    return token


def _reason(error: Exception) -> tuple[str, bool]:
    """Return why a handshake failed, and whether a retry would fail too."""
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        is_final = status < 500 and status not in BUSY
        hint = ", not with a websocket: check the address" if is_final else ""
        return f"the server answered HTTP {status}{hint}", is_final
    if isinstance(error, InvalidURI | InvalidProxy):
        return "it redirects to a wrong address, or the proxy's address is wrong", True
    if isinstance(error, socket.gaierror):
        return f"the host is not found ({error.strerror})", error.errno != socket.EAI_AGAIN
    return f"{error}" or type(error).__name__, isinstance(error, ssl.SSLError)


def _shown(url: Any) -> str:
    """Return the URL without the parts that may be secret."""
    if not isinstance(url, str):
        return f"a {type(url).__name__}"
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
