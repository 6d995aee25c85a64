"""Errors that end the watching of tasks for good, with messages that say what to do."""

from __future__ import annotations


class WatchError(Exception):
    """Watching ended before the outcome, and another try would fail too; the message says why."""


class UnreachableError(WatchError):
    """The address is wrong, or the server was away for longer than ``patience``."""


class ForbiddenError(WatchError):
    """The right to watch is missing or has ended. ``task_id`` is None if the URL names the task."""

    def __init__(self, words: str, task_id: str | None = None) -> None:
        super().__init__(words)
        self.task_id = task_id


class TooManyError(WatchError):
    """More tasks, sockets or frames than the server allows; ``task_id`` as in ForbiddenError."""

    def __init__(self, words: str, task_id: str | None = None) -> None:
        super().__init__(words)
        self.task_id = task_id


class BadRequestError(WatchError, ValueError):
    """The server did not understand a request."""


#: By close code. Codes 4400 to 4499 mean: do not reconnect.
REFUSALS: dict[int, tuple[type[WatchError], str]] = {
    4400: (
        BadRequestError,
        "the server cannot parse what was sent: does it have the same version?",
    ),
    4401: (ForbiddenError, "the right to watch has ended: ask for a new token"),
    4403: (ForbiddenError, "no right to watch: the token is wrong, expired, or of another task"),
    4404: (UnreachableError, "the server knows no such address: check the path"),
    4408: (
        ForbiddenError,
        "the server waited for a token in vain: give a token, or tasks= for the address of many",
    ),
    4429: (TooManyError, "too many sockets are open, or too many frames were sent: close some"),
}


def refusal(code: int) -> WatchError:
    """Return the error for a close code of 4400 to 4499."""
    kind, words = REFUSALS.get(code, (WatchError, "the server refuses this client"))
    return kind(f"{words} (close code {code})")


def error_of_frame(code: object, detail: object, task_id: object) -> WatchError:
    """Return the error that an error frame reports."""
    words, id_ = f"{detail}", task_id if isinstance(task_id, str) else None
    named = words if id_ is None else f"{words} (task {id_})"
    if code == "forbidden":
        return ForbiddenError(named, id_)
    if code == "too_many":
        return TooManyError(named, id_)
    return BadRequestError(named)
