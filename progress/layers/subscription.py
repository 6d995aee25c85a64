"""The groups that the hub wants to be in, kept up on a link that is renewed when it goes deaf."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from ..events import Event
from ..loops import forever
from .groups import Change
from .listener import Link

logger = logging.getLogger("progress")

PROBE_AFTER = 3.0  # seconds between two probes of the link


class Subscription:
    """Joins and leaves groups in the background, since a layer may take seconds for it.

    ``joined`` is called with a task id once its group is joined, also when that happens anew or
    what was sent to it may have been lost; ``heard`` with each event that arrives, ``changed`` with
    each change of rights.
    """

    def __init__(
        self,
        *,
        joined: Callable[[str], None],
        heard: Callable[[Event], None],
        changed: Callable[[Change], None],
    ) -> None:
        self._joined = joined
        self._open = partial(Link, heard, changed, self._renewed)
        self._link = self._open()
        self._wanted: set[str] = set()
        self._changed: dict[str, None] = {}
        self._wake = asyncio.Event()

    def tasks(self) -> list[asyncio.Task[None]]:
        """Start; the caller cancels what it gets, then calls :meth:`aclose`."""
        loop = asyncio.get_running_loop()
        return [
            loop.create_task(forever("Joining groups of the channel layer", self._follow)),
            loop.create_task(forever("Probing the channel layer", self._probe)),
        ]

    def join(self, task_id: str) -> None:
        """Be in this task's group from soon on."""
        self._wanted.add(task_id)
        self._change(task_id)

    def leave(self, task_id: str) -> None:
        """Be out of it from soon on."""
        self._wanted.discard(task_id)
        self._change(task_id)

    async def aclose(self) -> None:
        """Be out of all groups now, as far as the layer answers."""
        await self._link.close()

    def _change(self, task_id: str) -> None:
        self._changed[task_id] = None
        self._wake.set()

    async def _follow(self) -> None:
        await self._wake.wait()
        while self._changed:
            task_id, link = next(iter(self._changed)), self._link
            # Looked at now, not when asked for: it may have been left and joined since.
            if task_id in self._wanted:
                await link.add(task_id)
            else:
                await link.discard(task_id)
            if link is self._link and (task_id in self._wanted) == (task_id in link.members):
                del self._changed[task_id]
                if task_id in self._wanted:
                    self._joined(task_id)
        self._wake.clear()

    def _renewed(self) -> None:
        for task_id in self._link.members:
            self._joined(task_id)

    async def _probe(self) -> None:
        """Half-open and swallowing connections say nothing."""
        await asyncio.sleep(PROBE_AFTER)
        link = self._link
        if await link.is_deaf():
            logger.warning("The channel layer's subscription went deaf and is renewed")
            self._link = self._open()
            self._changed |= dict.fromkeys(self._wanted)
            self._wake.set()
            await link.close()
