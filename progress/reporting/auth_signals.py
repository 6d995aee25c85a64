"""Tells all web processes that somebody's rights have changed, so that they ask again at once."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save

from ..layers.groups import Change, session_mark
from .current import current_publisher


def recheck(*, user: Any = None, task: Any = None) -> None:
    """Ask again for the sockets of this user, or that watch this task, or with neither for all.

    For rules of your own, when what they go by has changed. The sockets of those who may no
    longer watch close within 2 s, in all web processes; when Redis is away, within 60 s.
    """
    whose = None if user is None else str(user.pk)
    of = None if task is None else str(getattr(task, "id", task))
    _tell(Change(user=whose, task=of))


def connect() -> None:
    """Listen to logout and to changes of users, where Django's users are in use."""
    if not apps.is_installed("django.contrib.auth"):
        return
    model = get_user_model()
    user_logged_out.connect(logged_out, dispatch_uid="progress.logged_out")
    for each in apps.get_models():
        if issubclass(each, model):  # a proxy sends signals of its own
            post_save.connect(user_saved, sender=each, dispatch_uid="progress.user_saved")
            post_delete.connect(user_deleted, sender=each, dispatch_uid="progress.user_deleted")
    for name in ("groups", "user_permissions"):
        field = getattr(model, name, None)
        if field is not None:
            uid = f"progress.{name}_changed"
            m2m_changed.connect(permissions_changed, sender=field.through, dispatch_uid=uid)


def logged_out(request: Any = None, **_: Any) -> None:
    """The session ends right after this, so it is named: whoever looks now still finds it."""
    mark = session_mark(getattr(getattr(request, "session", None), "session_key", None))
    if mark:
        _tell(Change(session=mark))


def user_saved(instance: Any, using: str, update_fields: Any = None, **_: Any) -> None:
    """A new password, or no longer active; not what each login writes."""
    if update_fields != frozenset({"last_login"}):
        _after_commit(str(instance.pk), using)


def user_deleted(instance: Any, using: str, **_: Any) -> None:
    """Gone."""
    _after_commit(str(instance.pk), using)


def permissions_changed(
    instance: Any, action: str, using: str, pk_set: Any = None, **_: Any
) -> None:
    """Groups or permissions of one user; told from the other end, of several."""
    if not action.startswith("post_"):
        return
    if isinstance(instance, get_user_model()):
        _after_commit(str(instance.pk), using)
    else:
        for pk in pk_set or [None]:  # cleared: nobody says whose they were
            _after_commit(pk and str(pk), using)


def _after_commit(user: str | None, using: str) -> None:
    transaction.on_commit(partial(_tell, Change(user=user)), using)


def _tell(change: Change) -> None:
    publisher = current_publisher()
    if publisher is not None:
        publisher.tell(change)
