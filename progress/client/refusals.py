"""Errors that end the watching of tasks for good, with messages that say what to do."""

from __future__ import annotations


class WatchError(Exception):
    """Watching ended before the outcome, and a retry would fail too; the message says why."""


class UnreachableError(WatchError):
    """The address is wrong, or the server was away for longer than ``patience``."""


class RefusalError(WatchError):
    """The base of the refusals that may have a reason.

    ``task_id`` is None if the URL names the task, or if the whole connection is refused. ``reason``
    is the server's word for it, or None; docs/protocol.md lists them, and there may be more.
    """

    def __init__(self, words: str, task_id: str | None = None, reason: str | None = None) -> None:
        super().__init__(words)
        self.task_id = task_id
        self.reason = reason


class ForbiddenError(RefusalError):
    """The client may not watch this task, or no longer."""


class TooManyError(RefusalError):
    """The client exceeds a limit of the server.

    If the server refuses the whole connection, this is raised only when ``patience`` ends.
    """


class BadRequestError(WatchError, ValueError):
    """The server did not understand a request."""


SILENT, TOO_MANY = 4408, 4429  # close codes

#: Maps a close code to an error class and its message.
REFUSALS: dict[int, tuple[type[WatchError], str]] = {
    4400: (
        BadRequestError,
        "the server cannot parse what was sent: does it have the same version?",
    ),
    4401: (ForbiddenError, "the right to watch has ended: ask for a new token"),
    4403: (ForbiddenError, "no right to watch: the token is wrong, expired, or of another task"),
    4404: (UnreachableError, "the server knows no such address: check the path"),
    SILENT: (
        ForbiddenError,
        "the client sent no token in time: pass token=, or tasks= at the address for many tasks",
    ),
    TOO_MANY: (TooManyError, "too many sockets are open, or too many frames were sent: close some"),
}

#: Maps the server's reason to a remedy.
REMEDIES = {
    "foreign_origin": "send the site's own Origin in headers=, or none",
    "no_token": "give a token",
    "bad_token": "use a token as the site made it, with the SECRET_KEY that the server has",
    "expired_token": "ask the site for a new token",
    "other_task": "use the token of this task",
    "other_action": "ask the site for a token that permits to watch",
    "other_user": "use a token of a user who is active, made after the last change of the password",
    "not_owner": "ask as the user or the session that started the task",
    "rule": "the site's own rule refused",
    "user_connections": "watch many tasks over one socket, by tasks=",
    "address_connections": "watch many tasks over one socket, by tasks=",
    "frame_rate": "name fewer tasks in tasks=",
    "subscriptions": "name fewer tasks in tasks=",
    "nothing_watched": "give a token, or tasks= for the address of many",
}


def refusal(code: int) -> WatchError:
    """Return the error for a close code of 4400 to 4499."""
    kind, words = REFUSALS.get(code, (WatchError, "the server refuses this client"))
    return kind(f"{words} (close code {code})")


def error_of_frame(code: object, detail: object, task_id: object, reason: object) -> WatchError:
    """Return the error that an error frame reports, with the remedy for its reason."""
    id_ = task_id if isinstance(task_id, str) else None
    named = f"{detail}" if id_ is None else f"{detail} (task {id_})"
    kind = {"forbidden": ForbiddenError, "too_many": TooManyError}.get(f"{code}")
    if kind is None:
        return BadRequestError(named)
    known = reason if isinstance(reason, str) else None
    remedy = f"; {known}: {REMEDIES[known]}" if known in REMEDIES else ""
    return kind(f"{named}{remedy}", id_, known)
