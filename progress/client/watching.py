"""Watch tasks from Python, without Django, over a websocket that reconnects when it breaks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from typing import Any

from ..events import Event, follows
from ..values import encode
from .blocking import from_thread
from .connection import Connection, SocketURL, checked_token
from .refusals import error_of_frame

logger = logging.getLogger(__name__)

SHARED = "/ws/progress/"  # the path of the shared address, unless a site mounts it elsewhere


def watch(
    url: str,
    *,
    token: str | None = None,
    tasks: Mapping[str, str | None] | None = None,
    headers: Mapping[str, str] | None = None,
    patience: float | None = None,
) -> AsyncGenerator[Event, None]:
    """Yield the current event of a task, then each newer event; end after the outcome.

    ``url`` is the task's ``websocket_url``. To watch many tasks over one socket, give the shared
    address (``wss://site/ws/progress/``) and ``tasks``, which maps each id to its token or None;
    the iteration then ends after the last outcome. ``token`` replaces the token in the URL.
    ``headers`` are sent with each handshake. To use a session instead of a token, send ``Cookie``
    and the site's own ``Origin``; the server ignores cookies without this Origin.

    A slow caller skips events, since each is the whole state, but never an outcome. A connection
    that breaks, or receives nothing for 50 s, is renewed with full-jitter back-off up to 30 s. The
    retries go on for ``patience`` seconds; without ``patience``, for ever once a connection has
    worked, and for 30 s before that. If the client exceeds the server's limit of connections or
    frames, the next try is 30 to 60 s later. An id that the server does not know has the state
    UNKNOWN, and may become known later.

    Raises ValueError for wrong arguments. The iteration raises a WatchError (ForbiddenError,
    TooManyError, BadRequestError, UnreachableError) after the last event that arrived. Closing the
    generator, or cancelling its caller, closes the connection.
    """
    socket_url = SocketURL(url)
    if tasks is None and socket_url.path.endswith(SHARED):
        raise ValueError(f"{socket_url.shown} is the address for many tasks: pass tasks=")
    if tasks is not None and token is not None:
        raise ValueError("token= is for the address of one task; tasks= maps each id to its token")
    if patience is not None and not patience >= 0:
        raise ValueError(f"patience must be a number of seconds, not {patience!r}")
    chosen = token or socket_url.token
    feed = _Feed(tasks, None if chosen is None else checked_token(chosen))
    return _events(feed, Connection(socket_url, feed, headers=headers, patience=patience))


def watch_blocking(
    url: str,
    *,
    token: str | None = None,
    tasks: Mapping[str, str | None] | None = None,
    headers: Mapping[str, str] | None = None,
    patience: float | None = None,
) -> Generator[Event, None, None]:
    """Do what :func:`watch` does, for blocking code: a thread keeps the connection open.

    The connection and the thread end after the outcome, when the caller closes the generator, or
    when the interpreter exits.
    """
    events = watch(url, token=token, tasks=tasks, headers=headers, patience=patience)
    return from_thread(events)


class _Feed:
    """Keeps the newest event of each task until the caller has received it."""

    def __init__(self, tasks: Mapping[str, str | None] | None, token: str | None) -> None:
        self.token = token
        self._tasks = None if tasks is None else dict(tasks)
        self._newest: dict[str, Event] = {}
        self._unsent: dict[str, None] = {}
        self.changed = asyncio.Event()

    @property
    def is_over(self) -> bool:
        ended = sum(event.complete for event in self._newest.values())
        return ended >= (1 if self._tasks is None else len(self._tasks))

    def requests(self) -> Iterator[str]:
        for task_id, token in (self._tasks or {}).items():
            known = self._newest.get(task_id)
            if known is None or not known.complete:
                yield encode({"type": "subscribe", "task_id": task_id, "token": token})

    def receive(self, frame: str | bytes) -> None:
        try:
            values = json.loads(frame)
            kind, task_id = values["type"], values.get("task_id")
            if kind == "progress":
                self._store(Event.from_text(frame))
            elif kind == "token":
                self._renew(task_id, checked_token(values["token"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            logger.debug("Ignored a frame that this version does not know: %r", error)
            return
        if kind == "error":
            names = ("code", "detail", "task_id", "reason")
            raise error_of_frame(*(values.get(name) for name in names))

    def _store(self, event: Event) -> None:
        known = self._newest.get(event.task_id)
        wanted = self._tasks is None or event.task_id in self._tasks
        if wanted and (known is None or follows(known, event)):
            self._newest[event.task_id] = event
            self._unsent[event.task_id] = None
            self.changed.set()

    def _renew(self, task_id: Any, token: str) -> None:
        if self._tasks is None:
            self.token = token
        elif task_id in self._tasks:
            self._tasks[task_id] = token

    def news(self) -> Iterator[Event]:
        """Yield the newest event of each task, unless the caller has received it already."""
        self.changed.clear()
        while self._unsent:
            task_id = next(iter(self._unsent))
            del self._unsent[task_id]
            yield self._newest[task_id]


async def _events(feed: _Feed, connection: Connection) -> AsyncGenerator[Event, None]:
    reader = asyncio.create_task(connection.run())
    reader.add_done_callback(lambda _: feed.changed.set())
    try:
        while True:
            await feed.changed.wait()
            for event in feed.news():
                yield event
            if reader.done():
                await reader
                return
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
