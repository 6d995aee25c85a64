"""What ``POST start/<kind>`` does on every site."""

from uuid import uuid4

from progress import addresses

from . import tasks

KINDS = ("counting", "failing", "retrying", "endless", "wordy", "quiet", "cancellable")


def start(kind, base):
    """The addresses of a task of that kind, seen from there; None for a kind there is not.

    ``base`` is a Django request, or the URL of a mount.
    """
    if kind == "never-started":
        return addresses(base, str(uuid4()))
    if kind not in KINDS:
        return None
    actions = ("watch", "cancel") if kind == "cancellable" else ("watch",)
    return addresses(base, getattr(tasks, kind).delay(), actions=actions)
