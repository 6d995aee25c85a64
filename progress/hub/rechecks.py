"""Asks again, at least once a minute and whenever rights change, whether sockets may go on."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..layers.groups import Change

AGAIN_AFTER = 45.0  # seconds; with the time that asking takes, below the 60 that are promised
AT_ONCE = 20  # sockets that are asked for side by side


class Guarded(Protocol):
    """A socket."""

    def concerns(self, change: Change) -> bool:
        """Whether its rights may have changed."""

    async def recheck(self) -> None:
        """Ask again for all it watches; end what is no longer allowed."""


class Rights:
    """The sockets of one event loop, the one that was asked for longest ago first."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._asked: dict[Guarded, float] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def add(self, socket: Guarded) -> None:
        """A socket is there, and was just asked for."""
        self._asked[socket] = self._now()

    def discard(self, socket: Guarded) -> None:
        """A socket is gone."""
        self._asked.pop(socket, None)

    def changed(self, change: Change) -> None:
        """Ask at once for the sockets that the change concerns."""
        for socket in self._asked:
            if socket.concerns(change):
                asking = asyncio.get_running_loop().create_task(socket.recheck())
                self._asking.add(asking)
                asking.add_done_callback(self._asking.discard)

    async def look(self) -> None:
        """Ask for the sockets whose turn it is."""
        await asyncio.sleep(1)
        while due := self._due():
            for socket in due:
                del self._asked[socket]
                self.add(socket)
            await asyncio.gather(*(socket.recheck() for socket in due))

    def _due(self) -> list[Guarded]:
        before = self._now() - AGAIN_AFTER
        due: list[Guarded] = []
        for socket, asked_at in self._asked.items():
            if asked_at > before or len(due) == AT_ONCE:
                break
            due.append(socket)
        return due
