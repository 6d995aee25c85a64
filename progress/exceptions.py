"""The exceptions of this package, and the words that watchers see when a task fails."""

from __future__ import annotations

from contextlib import suppress

from .values import words

#: Shown to watchers for any exception that is not a PublicError.
FAILED = "The task failed."
#: Shown for Celery's exceptions, by class name: Celery may rebuild the class from its record.
CELERY_WORDS = {
    "TimeLimitExceeded": "The task took too long and was stopped.",
    "SoftTimeLimitExceeded": "The task took too long and was stopped.",
    "WorkerLostError": "The worker was lost.",
    "NotRegistered": "No worker knows this task.",
}


class PublicError(Exception):
    """A task's failure with a message for the people who watch it.

    Raise it (or a subclass) in a task: the task fails as with any exception, and watchers see the
    first argument, cut at 512 characters, in the language that is active at that moment. For any
    other exception they see only that the task failed: its text and traceback stay in the worker.
    """

    def __init__(self, *args: object) -> None:
        if args and not isinstance(args[0], str):
            with suppress(Exception):  # a lazy translation is translated now
                args = (str(args[0]), *args[1:])
        super().__init__(*args)


class UndecidedError(Exception):
    """The permission rule failed or took too long, so access is denied for now."""


class TooManyConnections(Exception):  # noqa: N818 - the name says what is wrong
    """A user or an address already has the most connections that this process allows.

    ``reason`` is one of ``protocol.Reason``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedError(Exception):
    """A refusal, with a ``protocol.Reason``; ``what`` describes the refused action for the log."""

    def __init__(self, reason: str, what: str = "") -> None:
        super().__init__(reason, what)
        self.reason = reason
        self.what = what


def public_words(exception: object) -> str | None:
    """Return the message of a PublicError for watchers; None for any other exception."""
    if isinstance(exception, PublicError) and exception.args:
        with suppress(Exception):  # the failure itself must still be reported
            return words(exception.args[0])
    return None


def failure_words(exception: object, otherwise: str | None = FAILED) -> str | None:
    """Return the words that watchers see when a task fails with this exception."""
    if (told := public_words(exception)) is not None:
        return told
    names = [kind.__name__ for kind in type(exception).__mro__]
    return next((CELERY_WORDS[name] for name in names if name in CELERY_WORDS), otherwise)
