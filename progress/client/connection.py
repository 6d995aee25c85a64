"""A websocket to a site that comes back when it breaks."""

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

from .refusals import UnreachableError, refusal

logger = logging.getLogger("progress")

SILENCE = 50.0  # seconds; the server pings after 20
ANSWER = 10.0  # seconds that a handshake may take
HASTE = 2.0  # the same at the end of patience
STEADY = 5.0  # seconds after which a link counts as one that works
GOODBYE = 1.0  # seconds that the server may take to answer a close
SOONEST, LATEST = 0.5, 30.0  # seconds, the most that is waited before the first try and the last
MISTYPED = 30.0  # seconds without any connection after which the address counts as wrong
BUSY = {403, 408, 425, 429}  # what servers and proxies that have no time say besides 5xx
PROTOCOL = "progress"
SPELLED = frozenset("!#$%&'*+-.^_`|~")  # what a header's word may hold besides letters and digits


class Hearer(Protocol):
    """Whom a link is kept up for."""

    token: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be heard."""

    def requests(self) -> Iterable[str]:
        """The frames to send at the beginning of each connection."""

    def hear(self, frame: str | bytes) -> None:
        """A frame has come. Raises WatchError for one that ends the link."""


class Address:
    """A websocket URL, parted from the token in its query, which goes into a header instead.

    It also loses the wish of pages to be sent events in batches.

    Raises ValueError, in words that do not repeat the query.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(
                "a URL that starts with ws:// or wss:// and a host is expected, such as the "
                f"websocket_url of addresses(), not {_shown(url)}"
            )
        _ = parts.port  # raises ValueError for one that is none
        query = parse_qsl(parts.query, keep_blank_values=True)
        rest = urlencode([field for field in query if field[0] not in ("token", "batch")])
        self.token = dict(query).get("token") or None
        self.url = parts._replace(query=rest, fragment="").geturl()
        self.path = parts.path
        self.shown = _shown(url)


class Link:
    """One connection after another. ``patience`` is how many seconds it may be without one."""

    def __init__(
        self,
        address: Address,
        hearer: Hearer,
        *,
        headers: Mapping[str, str] | None,
        patience: float | None,
    ) -> None:
        self._address = address
        self._hearer = hearer
        self._headers = dict(headers or {})
        self._given = patience
        self._worked = False
        self._tries = 0
        self._opened_at = math.inf
        self._lost_at = math.inf
        self._told = False  # of the present trouble

    @property
    def _patience(self) -> float:
        if self._given is not None:
            return self._given
        return math.inf if self._worked else MISTYPED

    async def run(self) -> None:
        """Until the hearer has heard all. Raises WatchError."""
        self._lost_at = time.monotonic()
        while not self._hearer.is_over:
            try:
                why = await self._use(await self._open())
            except (OSError, EOFError, InvalidHandshake, InvalidProxy, InvalidURI) as error:
                why = self._weighed(error)
            if not self._hearer.is_over:
                await asyncio.sleep(self._pause(why))

    async def _open(self) -> ClientConnection:
        token, left = self._hearer.token, self._lost_at + self._patience - time.monotonic()
        return await connect(
            self._address.url,
            subprotocols=[Subprotocol(each) for each in (PROTOCOL, token) if each],
            additional_headers=self._headers,
            open_timeout=min(ANSWER, max(left, HASTE)),
            ping_interval=None,  # the server does that
            close_timeout=GOODBYE,
        )

    async def _use(self, link: ClientConnection) -> str:
        """Hear all that comes; why there is nothing more."""
        self._opened_at = time.monotonic()
        try:
            await self._hear(link)
        except TimeoutError:
            link.transport.abort()  # it would not answer a close either
            return f"it said nothing for {SILENCE:g} s"
        except ConnectionClosed:
            code = link.close_code or 0
            if 4400 <= code < 4500:
                raise refusal(code) from None
            return f"it was closed with {code}"
        finally:
            self._lost_at = min(self._lost_at, time.monotonic())
            try:
                await link.close()
            finally:
                link.transport.abort()  # also when told to stop while waiting for the answer
        return "all is said"

    async def _hear(self, link: ClientConnection) -> None:
        async with asyncio.timeout(SILENCE):
            for request in self._hearer.requests():
                await link.send(request)
        while not self._hearer.is_over:
            async with asyncio.timeout(SILENCE):
                frame = await link.recv()
            if self._told:
                logger.warning("Connected to %s again", self._address.shown)
            self._lost_at, self._told, self._worked = math.inf, False, True
            self._hearer.hear(frame)

    def _weighed(self, error: Exception) -> str:
        """Why there is no connection. Raises UnreachableError where it is of no use to go on."""
        why, is_final = _reason(error)
        # Once it has worked, it will again: while they start anew, proxies say many things.
        if is_final and not self._worked:
            raise UnreachableError(f"{self._address.shown}: {why}") from error
        return why

    def _pause(self, why: str) -> float:
        """Seconds until the next try, by full jitter. Raises UnreachableError after the last."""
        now = time.monotonic()
        if now - self._opened_at > STEADY:
            self._tries = 0
        self._opened_at = math.inf
        left = self._lost_at + self._patience - now
        if left <= 0:
            trouble = f"no connection for {self._patience:g} s; at last: {why}"
            raise UnreachableError(f"{self._address.shown}: {trouble}")
        if not self._told:
            logger.warning("No connection to %s, trying again: %s", self._address.shown, why)
        self._told = True
        most = min(LATEST, SOONEST * 2 ** min(self._tries, 10))
        self._tries += 1
        return min(left, random.uniform(0, most))  # noqa: S311 - not for secrets


def spelled(token: str) -> str:
    """The token, if it can be sent in a header; raises ValueError otherwise."""
    if not all(each.isascii() and (each.isalnum() or each in SPELLED) for each in token):
        raise ValueError("a token is of letters, digits and -_. as make_token() writes it")
    return token


def _reason(error: Exception) -> tuple[str, bool]:
    """Why a handshake failed, in words, and whether the next one would too."""
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        is_final = status < 500 and status not in BUSY
        hint = ", not with a websocket: check the address" if is_final else ""
        return f"the server answered HTTP {status}{hint}", is_final
    if isinstance(error, InvalidURI | InvalidProxy):
        return "it leads to another address, or a proxy's, that is none", True
    if isinstance(error, socket.gaierror):
        return f"the host is not found ({error.strerror})", error.errno != socket.EAI_AGAIN
    return f"{error}" or type(error).__name__, isinstance(error, ssl.SSLError)


def _shown(url: Any) -> str:
    """The URL without what may be secret in it."""
    if not isinstance(url, str):
        return f"a {type(url).__name__}"
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
