"""Sends one socket its frames: at once while the client keeps up, else from a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from .eager import Begun, begin
from .events import Event
from .limits import SLOW_AFTER, Pace
from .protocol import Close
from .turns import Turns
from .watcher import Watcher

logger = logging.getLogger("progress")

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class Writer:
    """Sends what its ``watcher`` is offered, from the task that makes it and as that task.

    A frame is begun in the hub's turn: to wake a parked task takes half as long as a server takes
    to send. Where the server has a send wait, for a client that does not read, the rest is done by
    a task, which then sends all that comes until the client has caught up. Nobody else waits.

    ``sent`` is called after each event; ``ended`` once nothing can be sent any more: with
    Close.SLOW after 30 s with one frame, with None when the client is gone.
    """

    __slots__ = (
        "_behind",
        "_due",
        "_ended",
        "_now",
        "_owner",
        "_pace",
        "_patience",
        "_send",
        "_sent",
        "_stopped",
        "_turns",
        "watcher",
    )

    def __init__(
        self,
        turns: Turns,
        send: Send,
        *,
        sent: Callable[[Event], None],
        ended: Callable[[Close | None], None],
    ) -> None:
        owner = asyncio.current_task()
        if owner is None:
            raise RuntimeError("a websocket's application runs in a task of asyncio")
        self.watcher = Watcher(self._wake)
        self._turns = turns
        self._send = send
        self._sent = sent
        self._ended = ended
        self._owner = owner
        self._now = owner.get_loop().time
        self._pace = Pace()
        self._due = self._stopped = False
        self._behind: asyncio.Task[None] | None = None  # sends while the client does not keep up
        self._patience: asyncio.Timeout | None = None

    def stop(self) -> None:
        """Begin no other frame."""
        self._stopped = True

    async def end(self) -> None:
        """Be done, also with the frame that is being sent."""
        self.stop()
        if self._behind is not None:
            self._behind.cancel()
            with suppress(asyncio.CancelledError):
                await self._behind

    def _wake(self) -> None:
        if not self._due and self._behind is None:
            self._due = True
            self._turns.add(self)

    def take_turn(self) -> None:
        """See ``turns.Due``."""
        self._due = False
        try:
            rest = begin(self._send_all(), self._owner)
        except BaseException:
            self._ended(None)
            raise
        if rest is not None:
            self._behind = self._owner.get_loop().create_task(self._catch_up(rest))
            # A task that is cancelled before its first step awaits nothing.
            self._behind.add_done_callback(lambda _: rest.close())

    async def _send_all(self) -> None:
        while not self._stopped and (frame := self.watcher.take()) is not None:
            text, event = frame
            try:
                await self._send({"type": "websocket.send", "text": text})
            except Exception as error:  # each server has its own for a client that is gone
                logger.debug("A websocket is gone: %r", error)
                self._ended(None)
                return
            if event is not None:
                self._sent(event)
            # Before the next frame is taken, so that what waits is the newest.
            size = len(text) if text.isascii() else len(text.encode())
            if (wait := self._pace.wait(size, self._now())) > 0:
                await asyncio.sleep(wait)
            if self._patience is not None and not self._patience.expired():
                self._patience.reschedule(self._now() + SLOW_AFTER)

    async def _catch_up(self, rest: Begun) -> None:
        try:
            async with asyncio.timeout(SLOW_AFTER) as self._patience:
                await rest
        except TimeoutError:
            self._ended(Close.SLOW)
        except Exception:
            self._ended(None)
            raise
        finally:
            self._behind = self._patience = None
