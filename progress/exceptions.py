"""What this package raises, and what it understands when a task raises it."""

from __future__ import annotations

from contextlib import suppress

from .events import words

#: What is said of an exception that is not meant for people.
FAILED = "The task failed."


class PublicError(Exception):
    """A failure told in words meant for the people who watch.

    Raise it (or a subclass) in a task: the task fails as with any exception, and watchers
    are shown the first argument, cut at 512 characters. Of any other exception they see
    only that the task failed: neither its text nor its traceback leaves the worker.
    """


def public_words(exception: object) -> str | None:
    """What watchers may know of an exception; None unless it is a PublicError with words."""
    if isinstance(exception, PublicError) and exception.args:
        with suppress(Exception):  # what cannot be told must not keep the failure from being told
            return words(exception.args[0])
    return None
