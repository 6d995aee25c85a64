"""What one connection may watch, by which token, and in whose name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Container, Mapping
from typing import Any

from .. import protocol
from ..layers.groups import Change
from ..limits import Sockets
from .handshakes import Handshake
from .rules import Asker, may
from .tokens import Token, read_token


class TooManyError(Exception):
    """This user has as many connections to this process as a user may have."""


NOBODY: frozenset[str] = frozenset()  # one for all: Python makes a new one each time


class Grants:
    """The tasks of one connection: ``tokens`` has those that are watched, each with its token.

    Nothing is to be put there that was not allowed. ``concerns`` is to be told of changes before
    the first task is asked for. Raises ValueError for a scope that cannot be read.
    """

    __slots__ = (
        "_handshake",
        "_missed",
        "_over",
        "_scope",
        "_session_mark",
        "_signed_out",
        "_sockets",
        "_users",
        "tokens",
    )

    def __init__(self, sockets: Sockets, scope: Mapping[str, Any]) -> None:
        self._sockets = sockets
        self._scope = scope
        self._signed_out = False
        self._handshake: Handshake | None = Handshake(scope)
        self._session_mark = self._handshake.session_mark
        self.tokens: dict[str, Token | None] = {}
        #: Whose rights it goes by, and who count it as theirs.
        self._users = NOBODY
        self._missed: list[Change] | None = None  # while the rule is asked about a new task
        self._over = False

    @property
    def handshake(self) -> Handshake:
        """The request that opened the connection.

        Let go of between questions, or it would be half of what an idle connection takes; then
        the next one reads session and user anew.
        """
        if self._handshake is None:
            self._handshake = Handshake(self._scope, signed_out=self._signed_out)
        return self._handshake

    async def allow(self, task_id: str, token: Token | None) -> bool:
        """Ask, and again when rights changed meanwhile: the rule may have seen the old ones.

        Raises UndecidedError and TooManyError.
        """
        try:
            while True:
                self._missed = []
                if not await self._may(task_id, token):
                    return False
                if not any(self._touches(change, {task_id}) for change in self._missed):
                    return True
                self._handshake = None
        finally:
            self._missed = None
            # What the database said is kept for the next of a page's many tasks.
            if self._handshake is not None and not self._handshake.has_read:
                self._handshake = None

    async def again(self, reply: Callable[[str], None]) -> AsyncIterator[str]:
        """Ask anew for each task: those that may no longer be watched.

        ``reply`` is called with the frames that renew tokens. Raises UndecidedError and
        TooManyError.
        """
        self._handshake = None
        for task_id, token in list(self.tokens.items()):
            is_over = token is not None and token.is_over
            allowed = not is_over and await self._may(task_id, token)
            if task_id not in self.tokens or self.tokens[task_id] is not token:
                continue  # left, or watched by another token, while the rule looked
            if not allowed:
                yield task_id
            elif token is not None and (text := token.renewed()) is not None:
                self.tokens[task_id] = read_token(text)
                reply(protocol.renewal(task_id, text))
        self._handshake = None

    def concerns(self, change: Change) -> bool:
        """Whether what this connection may do may have changed."""
        if self._missed is not None:
            self._missed.append(change)
        return self._touches(change, self.tokens)

    def end(self) -> None:
        """The connection is over, and counts as nobody's from now on."""
        self._over = True
        for user in self._users:
            self._sockets.leave("user", user)
        self._users = NOBODY

    async def _may(self, task_id: str, token: Token | None) -> bool:
        handshake = self.handshake
        if not await may(Asker(handshake, token), task_id, "watch"):
            return False
        for user in {handshake.known_user, token and token.user} - self._users - {None}:
            if self._over:
                break
            if not self._sockets.enter("user", user):
                raise TooManyError
            self._users |= {str(user)}
        return True

    def _touches(self, change: Change, task_ids: Container[str]) -> bool:
        if change.session is not None:
            return self._ends_with(change.session)
        if change.user is not None and change.user not in self._users:
            return False
        return change.task is None or change.task in task_ids

    def _ends_with(self, session: str) -> bool:
        """Whether the session that ends is this one's; then it counts for nothing any more."""
        if self._session_mark != session:
            return False
        self._signed_out, self._handshake = True, None
        return True
