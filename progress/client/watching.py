"""Watch tasks from Python, over a websocket that comes back when it breaks; without Django."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from typing import Any

from ..events import Event, follows
from ..values import encode
from .blocking import from_thread
from .connection import Address, Link, spelled
from .refusals import told

logger = logging.getLogger("progress")

SHARED = "/ws/progress/"  # how the address of many tasks ends, except where it is mounted


def watch(
    url: str,
    *,
    token: str | None = None,
    tasks: Mapping[str, str | None] | None = None,
    headers: Mapping[str, str] | None = None,
    patience: float | None = None,
) -> AsyncGenerator[Event, None]:
    """The present state of a task, then each newer one; ends after the outcome.

    ``url`` is a task's ``websocket_url``, or with ``tasks``, their tokens (or None) by id, the
    address of many (``wss://site/ws/progress/``); that ends after the outcome of the last one.
    ``token`` takes the place of one in the URL. ``headers`` go with each handshake: to come by a
    session instead of a token, ``Cookie``, and the site's own ``Origin``, without which cookies
    are ignored.

    Who is slow skips events, since each is the whole state; an outcome is never skipped. A link
    that breaks, or is silent for 50 s, comes back with full-jitter back-off up to 30 s: without
    end once it has worked, for 30 s before that, or for ``patience`` seconds. An id of which the
    server knows nothing has the state UNKNOWN; something may become known later.

    Raises ValueError for arguments that cannot be meant, and from the iteration a WatchError:
    ForbiddenError, TooManyError, BadRequestError, UnreachableError. What came before it is given
    first. Closing the generator, or cancelling who waits for it, ends the link.
    """
    address = Address(url)
    if tasks is None and address.path.endswith(SHARED):
        raise ValueError(f"{address.shown} is the address of many tasks: say which by tasks=")
    if tasks is not None and token is not None:
        raise ValueError("token= is for the address of one task; in tasks= each has its own")
    if patience is not None and not patience >= 0:
        raise ValueError(f"patience is a number of seconds, not {patience!r}")
    chosen = token or address.token
    feed = _Feed(tasks, None if chosen is None else spelled(chosen))
    return _events(feed, Link(address, feed, headers=headers, patience=patience))


def watch_blocking(
    url: str,
    *,
    token: str | None = None,
    tasks: Mapping[str, str | None] | None = None,
    headers: Mapping[str, str] | None = None,
    patience: float | None = None,
) -> Generator[Event, None, None]:
    """:func:`watch` for plain code: a thread keeps the link up while the caller works.

    The link and its thread end with the iteration: after the outcome, when the generator is
    closed, and with the interpreter.
    """
    events = watch(url, token=token, tasks=tasks, headers=headers, patience=patience)
    return from_thread(events)


class _Feed:
    """The newest event of each task, and which of them the caller has not taken yet."""

    def __init__(self, tasks: Mapping[str, str | None] | None, token: str | None) -> None:
        self.token = token
        self._tasks = None if tasks is None else dict(tasks)
        self._newest: dict[str, Event] = {}
        self._waiting: dict[str, None] = {}
        self.news = asyncio.Event()

    @property
    def is_over(self) -> bool:
        ended = sum(event.complete for event in self._newest.values())
        return ended >= (1 if self._tasks is None else len(self._tasks))

    def requests(self) -> Iterator[str]:
        for task_id, token in (self._tasks or {}).items():
            known = self._newest.get(task_id)
            if known is None or not known.complete:
                yield encode({"type": "subscribe", "task_id": task_id, "token": token})

    def hear(self, frame: str | bytes) -> None:
        try:
            values = json.loads(frame)
            kind, task_id = values["type"], values.get("task_id")
            if kind == "progress":
                self._take(Event.from_text(frame))
            elif kind == "token":
                self._renew(task_id, spelled(values["token"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            logger.debug("A frame that is none of ours: %r", error)
            return
        if kind == "error":
            raise told(values.get("code"), values.get("detail"), task_id)

    def _take(self, event: Event) -> None:
        known = self._newest.get(event.task_id)
        wanted = self._tasks is None or event.task_id in self._tasks
        if wanted and (known is None or follows(known, event)):
            self._newest[event.task_id] = event
            self._waiting[event.task_id] = None
            self.news.set()

    def _renew(self, task_id: Any, token: str) -> None:
        if self._tasks is None:
            self.token = token
        elif task_id in self._tasks:
            self._tasks[task_id] = token

    def taken(self) -> Iterator[Event]:
        """What waits, each as it is when its turn comes."""
        self.news.clear()
        while self._waiting:
            task_id = next(iter(self._waiting))
            del self._waiting[task_id]
            yield self._newest[task_id]


async def _events(feed: _Feed, link: Link) -> AsyncGenerator[Event, None]:
    reader = asyncio.create_task(link.run())
    reader.add_done_callback(lambda _: feed.news.set())
    try:
        while True:
            await feed.news.wait()
            for event in feed.taken():
                yield event
            if reader.done():
                await reader
                return
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
