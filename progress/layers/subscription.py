"""Keeps the hub in the groups of its tasks, and replaces a listener that receives nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from ..events import Event
from ..loops import forever
from .groups import RightsChange
from .listener import Listener

logger = logging.getLogger(__name__)

PROBE_INTERVAL = 3.0  # seconds between two probes of the listener


class Subscription:
    """Joins and leaves groups in the background, since a layer may take seconds for that.

    ``on_joined`` is called with a task id after joining its group, and again when messages to the
    group may have been lost. ``on_event`` is called with each event, ``on_rights_change`` with each
    change of rights.
    """

    def __init__(
        self,
        *,
        on_joined: Callable[[str], None],
        on_event: Callable[[Event], None],
        on_rights_change: Callable[[RightsChange], None],
    ) -> None:
        self._on_joined = on_joined
        self._new_listener = partial(Listener, on_event, on_rights_change, self._rejoined)
        self._listener = self._new_listener()
        self._wanted: set[str] = set()
        self._changed: dict[str, None] = {}  # task ids to join or leave, in order
        self._wake = asyncio.Event()

    def tasks(self) -> list[asyncio.Task[None]]:
        """Start the background tasks. The caller cancels them at the end, then calls ``aclose``."""
        loop = asyncio.get_running_loop()
        return [
            loop.create_task(forever("Joining groups of the channel layer", self._follow)),
            loop.create_task(forever("Probing the channel layer", self._probe)),
        ]

    def join(self, task_id: str) -> None:
        """Join this task's group soon."""
        self._wanted.add(task_id)
        self._change(task_id)

    def leave(self, task_id: str) -> None:
        """Leave this task's group soon."""
        self._wanted.discard(task_id)
        self._change(task_id)

    async def aclose(self) -> None:
        """Leave all groups, for 5 s at most; a layer that does not answer is ignored."""
        await self._listener.close()

    def _change(self, task_id: str) -> None:
        self._changed[task_id] = None
        self._wake.set()

    async def _follow(self) -> None:
        await self._wake.wait()
        while self._changed:
            task_id, listener = next(iter(self._changed)), self._listener
            # Compare with what is wanted now: the task may have been left and joined meanwhile.
            if task_id in self._wanted:
                await listener.join(task_id)
            else:
                await listener.leave(task_id)
            is_joined = task_id in listener.task_ids
            if listener is self._listener and (task_id in self._wanted) == is_joined:
                del self._changed[task_id]
                if is_joined:
                    self._on_joined(task_id)
        self._wake.clear()

    def _rejoined(self) -> None:
        for task_id in self._listener.task_ids:
            self._on_joined(task_id)

    async def _probe(self) -> None:
        """Replace a listener that gets no messages; its half-open connection raises no error."""
        await asyncio.sleep(PROBE_INTERVAL)
        listener = self._listener
        if await listener.is_deaf():
            logger.warning("The channel layer delivers no messages: its connections are replaced")
            self._listener = self._new_listener()
            self._changed |= dict.fromkeys(self._wanted)
            self._wake.set()
            await listener.close()
