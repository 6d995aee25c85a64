"""Rechecks the rights of open connections: at least once a minute, and when rights change."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from ..layers.groups import RightsChange
from ..loops import forever

RECHECK_AFTER = 45.0  # seconds; with the time that a recheck takes, below the promised 60
RECHECKS_AT_ONCE = 20  # so that many connections do not all wait for one slow rule at once


class Guarded(Protocol):
    """A connection whose rights are rechecked."""

    def concerns(self, change: RightsChange) -> bool:
        """Return whether this change may affect the rights of this connection."""

    async def recheck(self, *, announced: bool) -> None:
        """Ask the rule for each watched task, and stop watching what is no longer allowed.

        ``announced`` is True after a change of rights, and False for the regular recheck. Never
        raises.
        """


class Rechecks:
    """Rechecks each connection of one event loop 45 s after its last check."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._checked_at: dict[Guarded, float] = {}
        self._announced: set[Guarded] = set()  # connections that wait for a recheck after a change
        self._slots = asyncio.Semaphore(RECHECKS_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until cancelled; that also cancels running rechecks."""
        try:
            await forever("Rechecking rights", self._recheck_due)
        finally:
            for task in self._running:
                task.cancel()

    def add(self, connection: Guarded) -> None:
        """Add a connection whose rights were just checked."""
        self._checked_at[connection] = self._now()

    def discard(self, connection: Guarded) -> None:
        """Remove a connection that was closed."""
        self._checked_at.pop(connection, None)

    def rights_changed(self, change: RightsChange) -> None:
        """Recheck the connections that the change concerns, as soon as a slot is free."""
        for connection in self._checked_at:
            if connection.concerns(change) and connection not in self._announced:
                self._announced.add(connection)
                self._start(self._recheck_announced(connection))

    async def _recheck_announced(self, connection: Guarded) -> None:
        try:
            await self._slots.acquire()
        finally:
            # A change that comes from now on needs another recheck.
            self._announced.discard(connection)
        self._note(connection)
        await self._recheck(connection, announced=True)

    async def _recheck_due(self) -> None:
        await asyncio.sleep(1)
        # Only one regular recheck waits for a slot, so announced changes do not queue behind many.
        while (connection := self._next_due()) is not None:
            await self._slots.acquire()
            self._note(connection)
            self._start(self._recheck(connection, announced=False))

    async def _recheck(self, connection: Guarded, *, announced: bool) -> None:
        """Recheck the connection in the slot that the caller has acquired."""
        try:
            if connection in self._checked_at:
                await connection.recheck(announced=announced)
        finally:
            self._slots.release()

    def _note(self, connection: Guarded) -> None:
        """Note the time of the connection's recheck, unless the connection was closed meanwhile."""
        if self._checked_at.pop(connection, None) is not None:
            self.add(connection)

    def _next_due(self) -> Guarded | None:
        connection = next(iter(self._checked_at), None)
        if connection is None or self._checked_at[connection] > self._now() - RECHECK_AFTER:
            return None
        return connection

    def _start(self, recheck: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(recheck)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
