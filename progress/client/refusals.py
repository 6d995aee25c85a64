"""What ends the watching of tasks for good, in words that say what to do."""

from __future__ import annotations


class WatchError(Exception):
    """Watching ended before the outcome, and trying again is of no use; the text says why."""


class UnreachableError(WatchError):
    """The address is wrong, or the server has been away for too long."""


class ForbiddenError(WatchError):
    """No right to watch, or none any more. ``task_id`` is None where the address names the task."""

    def __init__(self, words: str, task_id: str | None = None) -> None:
        super().__init__(words)
        self.task_id = task_id


class TooManyError(WatchError):
    """More tasks, sockets or frames than the server permits; ``task_id`` as above."""

    def __init__(self, words: str, task_id: str | None = None) -> None:
        super().__init__(words)
        self.task_id = task_id


class BadRequestError(WatchError, ValueError):
    """The server does not understand what was asked for."""


#: By close code. 4400 to 4499 say: do not come back.
REFUSALS: dict[int, tuple[type[WatchError], str]] = {
    4400: (BadRequestError, "the server cannot read what was sent: is it of the same version?"),
    4401: (ForbiddenError, "the right to watch has ended: ask for a new token"),
    4403: (ForbiddenError, "no right to watch: the token is wrong, expired, or of another task"),
    4404: (UnreachableError, "the server knows no such address: check the path"),
    4408: (
        ForbiddenError,
        "nothing was asked for: give a token, or tasks= for the address of many",
    ),
    4429: (TooManyError, "too many sockets are open, or too many frames were sent: close some"),
}


def refusal(code: int) -> WatchError:
    """What a close code of 4400 to 4499 says."""
    kind, words = REFUSALS.get(code, (WatchError, "the server does not want to see us again"))
    return kind(f"{words} (close code {code})")


def told(code: object, detail: object, task_id: object) -> WatchError:
    """What an error frame says."""
    words, id_ = f"{detail}", task_id if isinstance(task_id, str) else None
    named = words if id_ is None else f"{words} (task {id_})"
    if code == "forbidden":
        return ForbiddenError(named, id_)
    if code == "too_many":
        return TooManyError(named, id_)
    return BadRequestError(named)
