"""The tasks that one connection may watch, with their tokens and the users who signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping
from typing import Any

from .. import protocol
from ..exceptions import UndecidedError
from ..layers.groups import RightsChange
from ..limits import Sockets
from ..protocol import Reason
from . import refusals
from .handshakes import Handshake
from .rules import Asker, may
from .tokens import Token, read_token

NO_USERS: frozenset[str] = frozenset()  # shared, since frozenset() makes a new object at each call


class Grants:
    """The tasks that one connection may watch; only :meth:`allow` adds one.

    Call :meth:`concerns` with each change of rights, starting before the first :meth:`allow`.
    Raises ValueError for a scope that cannot be parsed.
    """

    __slots__ = (
        "_handshake",
        "_has_ended",
        "_missed",
        "_scope",
        "_session_mark",
        "_signed_out",
        "_sockets",
        "_tokens",
        "_users",
    )

    def __init__(self, sockets: Sockets, scope: Mapping[str, Any]) -> None:
        self._sockets = sockets
        self._scope = scope
        self._signed_out = False
        self._handshake: Handshake | None = Handshake(scope)
        self._session_mark = self._handshake.session_mark
        self._tokens: dict[str, Token | None] = {}
        #: The users whose rights apply here; the connection counts for each of them.
        self._users = NO_USERS
        self._missed: list[RightsChange] | None = None  # changes that came during allow()
        self._has_ended = False

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._tokens

    def __iter__(self) -> Iterator[str]:
        """Iterate over a copy of the ids of the tasks that the connection may watch."""
        return iter(list(self._tokens))

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def handshake(self) -> Handshake:
        """The request that opened the connection.

        The request takes half of an idle connection's memory, so it is dropped after each check.
        The next check reads session and user from the database again.
        """
        if self._handshake is None:
            self._handshake = Handshake(self._scope, signed_out=self._signed_out)
        return self._handshake

    async def allow(self, task_id: str, text: str | None) -> None:
        """Check whether the connection may watch this task with this token, and add the task.

        Checks again when rights changed during the check, since the rule may have seen old rights.
        Raises RefusedError, UndecidedError and TooManyConnections.
        """
        token = read_token(text)
        try:
            while True:
                self._missed = []
                if not await self._may(task_id, token):
                    who = Asker(self.handshake, token)
                    raise refusals.refused(who, task_id, "watch", text)
                if not any(self._touches(change, {task_id}) for change in self._missed):
                    break
                self._handshake = None
        finally:
            self._missed = None
            # If the handshake has read the database, keep it for the next of a page's tasks.
            if self._handshake is not None and not self._handshake.has_read:
                self._handshake = None
        if not self._has_ended:
            self._tokens[task_id] = token

    def discard(self, task_id: str) -> None:
        """Remove a task that the connection no longer watches."""
        self._tokens.pop(task_id, None)

    async def recheck(
        self, reply: Callable[[str, object], None]
    ) -> AsyncIterator[tuple[str, Reason]]:
        """Check each task again; yield the tasks that are no longer allowed, with the reason.

        ``reply`` is called with each frame that renews a token, and with a key, so that a later
        renewal replaces a waiting one. Raises UndecidedError if the rule failed, after the last
        task, and TooManyConnections.
        """
        self._handshake = None
        undecided: UndecidedError | None = None
        for task_id, token in list(self._tokens.items()):
            if task_id not in self._tokens:
                continue  # unsubscribed, or the connection has ended
            is_over = token is not None and token.is_over
            try:
                # The rule would fail for the next task too, and may take as long.
                allowed = not is_over and (undecided or await self._may(task_id, token))
            except UndecidedError as error:
                undecided = error
                continue
            if task_id not in self._tokens or self._tokens[task_id] is not token:
                continue  # the client unsubscribed, or sent another token, while the rule ran
            if not allowed:
                who = Asker(self.handshake, token)
                yield task_id, refusals.reason(who, task_id, "watch", token)
            elif not undecided and token is not None and (text := token.renewed()) is not None:
                self._tokens[task_id] = read_token(text)
                reply(protocol.renewal(task_id, text), ("token", task_id))
        self._handshake = None
        if undecided is not None:
            raise undecided

    def concerns(self, change: RightsChange) -> bool:
        """Return whether the change may affect the rights of this connection."""
        if self._missed is not None:
            self._missed.append(change)
        return self._touches(change, self._tokens)

    def end(self) -> None:
        """End the connection: remove all its tasks, and stop counting it for its users."""
        self._has_ended = True
        self._tokens.clear()
        for user in self._users:
            self._sockets.discard_user(user)
        self._users = NO_USERS

    async def _may(self, task_id: str, token: Token | None) -> bool:
        handshake = self.handshake
        if not await may(Asker(handshake, token), task_id, "watch"):
            return False
        for user in {handshake.known_user, token and token.user} - self._users - {None}:
            if self._has_ended:
                break
            self._sockets.add_user(str(user))
            self._users |= {str(user)}
        return True

    def _touches(self, change: RightsChange, task_ids: Container[str]) -> bool:
        if change.session is not None:
            return self._ends_with(change.session)
        if change.user is not None and change.user not in self._users:
            return False
        return change.task is None or change.task in task_ids

    def _ends_with(self, session: str) -> bool:
        """Return whether the change ends this connection's session; if so, ignore its cookie."""
        if self._session_mark != session:
            return False
        self._signed_out, self._handshake = True, None
        return True
