"""The deployment under test, reached by its public addresses alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from ..checks import Broken, NotOffered
from ..limits import Limits
from .sockets import Socket, open_socket
from .streams import Stream
from .tasks import Task

FOREIGN = "https://foreign.example"
SECRET = "conformance0conformance0conforma"
IDENTITY = {"Accept-Encoding": "identity"}


class Site:
    """A site that starts tasks: ``start`` is a URL, with ``{kind}`` where it offers several.

    ``kinds`` says what it calls them, ``headers`` are sent with each start, ``origin`` is where
    its own pages come from.
    """

    def __init__(
        self,
        start: str,
        *,
        origin: str | None = None,
        kinds: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        parts = urlsplit(start)
        self.origin = origin or f"{parts.scheme}://{parts.netloc}"
        self.limits = limits or Limits()
        self._start = start
        self._kinds = kinds or {}
        self._headers = headers or {}
        self._some: Task | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._http = httpx.AsyncClient(timeout=30, headers=IDENTITY)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def start(self, kind: str) -> Task:
        """Have a task started. Raises NotOffered for a kind that this site does not know."""
        if "{kind}" not in self._start and kind != "counting":
            raise NotOffered(kind)
        url = self._start.replace("{kind}", self._kinds.get(kind, kind))
        answer = await self.ask("POST", url, headers=self._headers)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotOffered(kind)
        try:
            answer.raise_for_status()
            return Task.from_answer(answer.json())
        except (httpx.HTTPStatusError, ValueError, KeyError) as error:
            raise Broken(f"the start of a task answered {answer.status_code}: {error!r}") from None

    async def some(self) -> Task:
        """A task with a token to watch it, the same for all who ask; it may be over."""
        async with self._lock:
            if self._some is None:
                self._some = await self.start("counting")
        return self._some

    async def lasting(self) -> Task:
        """A task that is not over for some seconds, where there are such."""
        try:
            return await self.start("cancellable")
        except NotOffered:
            return await self.start("counting")

    def unknown_id(self) -> str:
        """Of a task that nobody has started."""
        return str(uuid4())

    @asynccontextmanager
    async def socket(self, url: str, **more: Any) -> AsyncIterator[Socket]:
        """A websocket there; ``more`` are ``origin`` and ``subprotocols``."""
        async with open_socket(url, self.limits, **more) as socket:
            yield socket

    @asynccontextmanager
    async def stream(self, url: str, **headers: str | bytes) -> AsyncIterator[Stream]:
        """Server-sent events from there."""
        timeout = httpx.Timeout(30, read=None)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.stream("GET", url, headers=names, timeout=timeout) as response:
            yield Stream(response, self.limits)

    async def ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        """One request."""
        try:
            return await self._http.request(method, url, **more)
        except httpx.HTTPError as error:
            raise Broken(f"{method} {urlsplit(url).path} was not answered: {error!r}") from None

    async def cancel(self, task: Task) -> httpx.Response:
        """Ask for it as a script does, with the token in a header."""
        headers = {"Authorization": f"Bearer {task.token}"} if task.token else {}
        return await self.ask("POST", task.bearing(None).cancel_url, headers=headers)

    async def cancel_as_page(self, task: Task, origin: str) -> httpx.Response:
        """Ask for it as a page of that origin does: with a form, and Django's CSRF cookie."""
        form = {"token": task.token or ""}
        return await self.ask("POST", task.cancel_url, data=form, headers=page_headers(origin))


def page_headers(origin: str) -> dict[str, str]:
    """What a page sends to Django; where the site has another protection, nobody looks at it."""
    cookie = {"Cookie": f"csrftoken={SECRET}", "X-CSRFToken": SECRET}
    return {"Origin": origin, "Referer": f"{origin}/", **cookie}
