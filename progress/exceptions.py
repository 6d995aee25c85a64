"""What this package raises, and the words for what a task raises."""

from __future__ import annotations

from contextlib import suppress

from .values import words

#: What watchers are told about an exception that is not meant for people.
FAILED = "The task failed."
#: The same for exceptions of Celery, by the name of the class: it may be rebuilt from a record.
CELERY_WORDS = {
    "TimeLimitExceeded": "The task took too long and was stopped.",
    "SoftTimeLimitExceeded": "The task took too long and was stopped.",
    "WorkerLostError": "The worker was lost.",
    "NotRegistered": "No worker knows this task.",
}


class PublicError(Exception):
    """A failure in words that are meant for the people who watch.

    Raise it (or a subclass) in a task: the task fails as with any exception, and watchers are shown
    the first argument, cut at 512 characters, in the language that is active when it is raised. Of
    any other exception they see only that the task failed: neither its text nor its traceback
    leaves the worker.
    """

    def __init__(self, *args: object) -> None:
        if args and not isinstance(args[0], str):
            with suppress(Exception):  # a lazy translation speaks the language of now
                args = (str(args[0]), *args[1:])
        super().__init__(*args)


class UndecidedError(Exception):
    """The rule failed or took too long: nobody knows whether the client may, so now it may not."""


class TooManyConnections(Exception):  # noqa: N818 - the name says what is wrong
    """A user or an address has as many connections to this process as it may have.

    ``reason`` is one of ``protocol.Reason``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedError(Exception):
    """The client may not do this: ``what``, for the log. ``reason`` is a ``protocol.Reason``."""

    def __init__(self, reason: str, what: str = "") -> None:
        super().__init__(reason, what)
        self.reason = reason
        self.what = what


def public_words(exception: object) -> str | None:
    """The words that a PublicError has for watchers; None for any other exception."""
    if isinstance(exception, PublicError) and exception.args:
        with suppress(Exception):  # the failure itself must still be reported
            return words(exception.args[0])
    return None


def failure_words(exception: object, otherwise: str | None = FAILED) -> str | None:
    """What watchers are told about an exception that failed a task."""
    if (told := public_words(exception)) is not None:
        return told
    names = [kind.__name__ for kind in type(exception).__mro__]
    return next((CELERY_WORDS[name] for name in names if name in CELERY_WORDS), otherwise)
