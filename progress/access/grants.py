"""What one connection is allowed to watch, with which tokens, and for which users it counts."""

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

NO_USERS: frozenset[str] = frozenset()  # one for all: Python makes a new one each time


class Grants:
    """The tasks that one connection may watch; only :meth:`allow` adds one.

    Pass :meth:`concerns` each change of rights, from before the first task is asked for.
    Raises ValueError for a scope that cannot be read.
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
        #: Whose rights it goes by; it counts as a connection of each.
        self._users = NO_USERS
        self._missed: list[RightsChange] | None = None  # while the rule is asked for a new task
        self._has_ended = False

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._tokens

    def __iter__(self) -> Iterator[str]:
        """The ids of the tasks it may watch, as they are now."""
        return iter(list(self._tokens))

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def handshake(self) -> Handshake:
        """The request that opened the connection.

        It is dropped between questions, since it is half of the memory of an idle connection; the
        next question then reads session and user again.
        """
        if self._handshake is None:
            self._handshake = Handshake(self._scope, signed_out=self._signed_out)
        return self._handshake

    async def allow(self, task_id: str, text: str | None) -> None:
        """Ask whether it may watch this task with this token, and keep that it may.

        Asks again when rights changed meanwhile, since the rule may have seen the old ones.
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
            # Kept if it has read the database, for the next of a page's many tasks.
            if self._handshake is not None and not self._handshake.has_read:
                self._handshake = None
        if not self._has_ended:
            self._tokens[task_id] = token

    def discard(self, task_id: str) -> None:
        """It watches this task no longer."""
        self._tokens.pop(task_id, None)

    async def recheck(
        self, reply: Callable[[str, object], None]
    ) -> AsyncIterator[tuple[str, Reason]]:
        """Ask again for each task, and yield those it may no longer watch, with the reason.

        ``reply`` is called with each frame that renews a token, and what it is about. Raises
        UndecidedError, after all tasks were asked for, and TooManyConnections.
        """
        self._handshake = None
        undecided: UndecidedError | None = None
        for task_id, token in list(self._tokens.items()):
            if task_id not in self._tokens:
                continue  # unsubscribed, or the connection has ended
            is_over = token is not None and token.is_over
            try:
                # After a rule that failed the next would, and may take as long.
                allowed = not is_over and (undecided or await self._may(task_id, token))
            except UndecidedError as error:
                undecided = error
                continue
            if task_id not in self._tokens or self._tokens[task_id] is not token:
                continue  # unsubscribed, or watched with another token, while the rule was asked
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
        """Whether the change may have changed what this connection may watch."""
        if self._missed is not None:
            self._missed.append(change)
        return self._touches(change, self._tokens)

    def end(self) -> None:
        """The connection is over: it may watch nothing, and counts for nobody, from now on."""
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
        """Whether the session that ends is this one's; then its cookie no longer counts."""
        if self._session_mark != session:
            return False
        self._signed_out, self._handshake = True, None
        return True
