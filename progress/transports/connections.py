"""One client's connection, for every transport: the tasks it watches, and its rights."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from ..access.grants import Grants
from ..events import Event
from ..exceptions import TooManyConnections, UndecidedError
from ..hub import Hub
from ..hub.outbox import Outbox
from ..layers.groups import RightsChange
from ..protocol import Close, Reason

#: Seconds that an answer of the rule stays valid while the rule fails: longer than a database needs
#: for a failover or a restart.
TRUSTED_FOR = 600.0


class Client(Protocol):
    """Sends the frames of an outbox to one client."""

    def sent(self, outcome: Event) -> None:
        """Note that a task's outcome was sent."""

    def refuse(self, task_id: str, reason: Reason) -> None:
        """Stop watching a task, since the right has ended."""

    def end(self, code: Close | None) -> None:
        """Send nothing more, and close with this code; None if the client is gone."""


class Nobody:
    """Replaces a client that is gone, to break a reference cycle."""

    def sent(self, outcome: Event) -> None:
        """See ``Client``."""

    def refuse(self, task_id: str, reason: Reason) -> None:
        """See ``Client``."""

    def end(self, code: Close | None) -> None:
        """See ``Client``."""


NOBODY = Nobody()


class Connection:
    """The tasks that one client watches; a context manager that counts the client by its address.

    Between :meth:`open` and :meth:`close`, the outbox gets pings and the rights are rechecked.
    Leaving the ``with`` block closes it too. Raises ValueError for a scope that cannot be parsed.
    """

    __slots__ = ("_address", "_allowed_at", "_client", "_outbox", "grants", "hub")

    def __init__(self, scope: Mapping[str, Any], client: Client) -> None:
        self.hub = Hub.current()
        self.grants = Grants(self.hub.sockets, scope)
        self._client = client
        self._address: str | None = (scope.get("client") or [None])[0]
        self._allowed_at = self.hub.turns.now()
        self._outbox: Outbox | None = None

    def __enter__(self) -> Self:
        """Count the connection for its address. Raises TooManyConnections."""
        if self._address is not None:
            self.hub.sockets.add_address(self._address)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if self._address is not None:
            self.hub.sockets.discard_address(self._address)

    def open(self, outbox: Outbox) -> None:
        """Begin to send through this outbox, and to recheck the rights."""
        self._outbox = outbox
        self.hub.attach(outbox)
        self.hub.rechecks.add(self)

    def close(self) -> None:
        """Stop watching all tasks. A second call does nothing."""
        for task_id in self.grants:
            self.unwatch(task_id)
        self.grants.end()
        self.hub.rechecks.discard(self)
        if self._outbox is not None:
            self.hub.detach(self._outbox)
        self._outbox = None
        self._client = NOBODY

    async def watch(self, task_id: str, token: str | None) -> None:
        """Watch the task, if that is allowed.

        Raises RefusedError, UndecidedError and TooManyConnections.
        """
        await self.grants.allow(task_id, token)
        if task_id in self.grants and self._outbox is not None:
            self.hub.watch(task_id, self._outbox)

    def unwatch(self, task_id: str) -> None:
        """Stop watching this task."""
        if task_id in self.grants:
            self.grants.discard(task_id)
            if self._outbox is not None:
                self.hub.unwatch(task_id, self._outbox)
                self._outbox.withdraw(task_id)

    def concerns(self, change: RightsChange) -> bool:
        """See ``rechecks.Guarded``."""
        return self.grants.concerns(change)

    async def recheck(self, *, announced: bool) -> None:
        """See ``rechecks.Guarded``.

        While the rule fails, allowed tasks stay watched for TRUSTED_FOR seconds. After an announced
        change they do not, since the change may have removed the right.
        """
        asked_at = self.hub.turns.now()
        try:
            async for task_id, reason in self.grants.recheck(self._reply):
                self.unwatch(task_id)
                self._client.refuse(task_id, reason)
        except UndecidedError:
            if announced or asked_at - self._allowed_at > TRUSTED_FOR:
                self._client.end(Close.UNDECIDED)
        except TooManyConnections:
            self._client.end(Close.TOO_MANY)
        else:
            self._allowed_at = asked_at

    def _reply(self, frame: str, about: object) -> None:
        if self._outbox is not None:
            self._outbox.reply(frame, about=about)
