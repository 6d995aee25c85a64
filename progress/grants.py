"""What one connection may watch, by which token, and in whose name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container

from .access import Asker, may
from .groups import Change
from .handshakes import Handshake
from .limits import Sockets
from .tokens import Token, read_token


class TooManyError(Exception):
    """This user has as many connections to this process as a user may have."""


class Grants:
    """The tasks of one connection: ``tokens`` has those that are watched, each with its token.

    Nothing is to be put there that was not allowed. ``handshake`` is to be set, and ``concerns``
    to be told of changes, before the first task is asked for.
    """

    handshake: Handshake

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self.tokens: dict[str, Token | None] = {}
        self._users: set[str] = set()  # whose rights it goes by, and who count it as theirs
        self._missed: list[Change] | None = None  # while the rule is asked about a new task
        self._over = False

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
                self.handshake = self.handshake.anew()
        finally:
            self._missed = None

    async def again(self) -> AsyncIterator[tuple[str, bool]]:
        """Ask anew for each task: its id, and whether it may still be watched.

        Raises UndecidedError and TooManyError.
        """
        self.handshake = self.handshake.anew()
        for task_id, token in list(self.tokens.items()):
            is_over = token is not None and token.is_over
            allowed = not is_over and await self._may(task_id, token)
            if task_id not in self.tokens or self.tokens[task_id] is not token:
                continue  # left, or watched by another token, while the rule looked
            yield task_id, allowed

    def renewed(self, task_id: str) -> str | None:
        """The token that takes the place of this task's, if it is time for one."""
        token = self.tokens[task_id]
        text = None if token is None else token.renewed()
        if text is not None:
            self.tokens[task_id] = read_token(text)
        return text

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
        self._users.clear()

    async def _may(self, task_id: str, token: Token | None) -> bool:
        handshake = self.handshake
        if not await may(Asker(handshake, token), task_id, "watch"):
            return False
        for user in {handshake.known_user, token and token.user} - self._users - {None}:
            if self._over:
                break
            if not self._sockets.enter("user", user):
                raise TooManyError
            self._users.add(str(user))
        return True

    def _touches(self, change: Change, task_ids: Container[str]) -> bool:
        if change.session is not None:
            return self.handshake.ends_with(change.session)
        if change.user is not None and change.user not in self._users:
            return False
        return change.task is None or change.task in task_ids
