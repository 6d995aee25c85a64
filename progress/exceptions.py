"""What this package raises, and what it understands when a task raises it."""


class PublicError(Exception):
    """A failure told in words meant for the people who watch.

    Raise it (or a subclass) in a task: the task fails as with any exception, and watchers
    are shown the first argument, cut at 512 characters. Of any other exception they see
    only that the task failed: neither its text nor its traceback leaves the worker.
    """
