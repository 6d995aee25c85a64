"""Errors that end the watching of tasks for good, with messages that say what to do."""

from __future__ import annotations


class WatchError(Exception):
    """Watching ended before the outcome, and a retry would fail too; the message says why."""


class UnreachableError(WatchError):
    """The address is wrong, or the server was away for longer than ``patience``."""


class RefusalError(WatchError):
    """The base class of refusals.

    ``task_id`` is None if the URL names the task, or if the whole connection is refused. ``reason``
    is the server's reason, or None if it gave none; docs/protocol.md lists the known reasons.
    """

    def __init__(self, words: str, task_id: str | None = None, reason: str | None = None) -> None:
        super().__init__(words)
        self.task_id = task_id
        self.reason = reason


class ForbiddenError(RefusalError):
    """The client may not watch this task, or may not watch it any longer."""


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
        "the server cannot parse the request: are client and server of the same version?",
    ),
    4401: (ForbiddenError, "the right to watch has ended: ask for a new token"),
    4403: (ForbiddenError, "no right to watch: the token is wrong, expired, or for another task"),
    4404: (UnreachableError, "the server has no such address: check the path"),
    SILENT: (
        ForbiddenError,
        "the client sent no token in time: pass token=, or tasks= at the address for many tasks",
    ),
    TOO_MANY: (TooManyError, "too many sockets are open, or too many frames are sent: send fewer"),
}

#: Maps the server's reason to a remedy.
REMEDIES = {
    "foreign_origin": "pass the site's own Origin in headers=, or no Origin",
    "no_token": "pass a token",
    "bad_token": "pass the whole token, made by a site with the server's SECRET_KEY",
    "expired_token": "ask the site for a new token",
    "other_task": "pass the token of this task",
    "other_action": "ask the site for a token that permits watching",
    "other_user": "pass a token of an active user, made after that user's last password change",
    "not_owner": "watch as the user who started the task, or with the same session's cookie",
    "rule": "the site's own permission rule denies access",
    "user_connections": "watch many tasks over one socket: pass tasks=",
    "address_connections": "watch many tasks over one socket: pass tasks=",
    "frame_rate": "pass fewer tasks in tasks=",
    "subscriptions": "pass fewer tasks in tasks=",
    "nothing_watched": "pass a token; at the shared address, pass tasks=",
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
