"""One channel on the channel layer: the groups it is in, and what arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .events import Event
from .groups import group_name, read
from .loops import forever


class Subscription:
    """Joins and leaves groups in the background, since a layer may take seconds for it.

    ``joined`` is called with a task id once its group is joined, ``heard`` with each event.
    """

    def __init__(
        self, layer: Any, *, joined: Callable[[str], None], heard: Callable[[Event], None]
    ) -> None:
        self._layer = layer
        self._joined = joined
        self._heard = heard
        self._channel = ""
        self._wanted: set[str] = set()
        self._members: set[str] = set()
        self._changed: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._open = asyncio.Event()

    def tasks(self) -> list[asyncio.Task[None]]:
        """Start; the caller cancels what it gets."""
        loop = asyncio.get_running_loop()
        return [
            loop.create_task(forever("Joining groups of the channel layer", self._follow)),
            loop.create_task(forever("Hearing from the channel layer", self._hear)),
        ]

    def join(self, task_id: str) -> None:
        """Be in this task's group from soon on."""
        self._wanted.add(task_id)
        self._change(task_id)

    def leave(self, task_id: str) -> None:
        """Be out of it from soon on."""
        self._wanted.discard(task_id)
        self._change(task_id)

    async def leave_all(self) -> None:
        """Be out of all groups now, as far as the layer answers."""
        for task_id in list(self._members):
            await self._leave(task_id)

    def _change(self, task_id: str) -> None:
        self._changed[task_id] = None
        self._wake.set()

    async def _follow(self) -> None:
        await self._wake.wait()
        if not self._channel:
            self._channel = await self._layer.new_channel("progress.")
            self._open.set()
        while self._changed:
            task_id = next(iter(self._changed))
            # Looked at now, not when asked for: it may have been left and joined since.
            if task_id not in self._wanted:
                await self._leave(task_id)
            elif task_id not in self._members:
                await self._layer.group_add(group_name(task_id), self._channel)
                self._members.add(task_id)
                self._joined(task_id)
            if (task_id in self._wanted) == (task_id in self._members):
                del self._changed[task_id]
        self._wake.clear()

    async def _leave(self, task_id: str) -> None:
        if task_id in self._members:
            await self._layer.group_discard(group_name(task_id), self._channel)
            self._members.discard(task_id)

    async def _hear(self) -> None:
        await self._open.wait()
        self._heard(read(await self._layer.receive(self._channel)))
