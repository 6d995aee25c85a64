"""Announces changes of users' rights to all web processes, which then recheck connections."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save

from ..layers.groups import RightsChange, session_mark
from .current import current_publisher


def recheck(*, user: Any = None, task: Any = None) -> None:
    """Ask the permission rule again for this user's connections, this task's watchers, or all.

    Call it when data that your own rule depends on has changed. Connections that may no longer
    watch are closed within 2 s in all web processes, or within 60 s when Redis is away. A process
    rechecks 20 connections at a time: with a rule that takes 50 ms, 1,000 connections took 12 s.
    """
    _announce(
        RightsChange(
            user=None if user is None else str(user.pk),
            task=None if task is None else str(getattr(task, "id", task)),
        )
    )


def connect() -> None:
    """Connect to the signals of logout and of changes to users, groups and permissions."""
    if not apps.is_installed("django.contrib.auth"):
        return
    user_logged_out.connect(logged_out, dispatch_uid="progress.logged_out")
    model = get_user_model()
    for each in _with_proxies(model):
        post_save.connect(user_saved, sender=each, dispatch_uid="progress.user_saved")
        post_delete.connect(user_deleted, sender=each, dispatch_uid="progress.user_deleted")
    for name in ("groups", "user_permissions"):
        _connect_field(getattr(model, name, None), permissions_changed)
    for holder in _holders(model):
        _connect_field(getattr(holder, "permissions", None), group_changed)
        for each in _with_proxies(holder):
            post_delete.connect(holder_deleted, sender=each, dispatch_uid="progress.holder_deleted")


def _with_proxies(model: type[Model]) -> Iterator[type[Model]]:
    """Yield the model and its proxies, since a signal's sender may be a proxy model."""
    return (each for each in apps.get_models() if issubclass(each, model))


def _holders(model: Any) -> Iterator[type[Model]]:
    """Yield the models of groups and permissions; deleting one can take rights from many users."""
    for name in ("groups", "user_permissions"):
        field = getattr(model, name, None)
        if field is not None:
            yield field.rel.model


def _connect_field(field: Any, receiver: Any) -> None:
    if field is not None:
        uid = f"progress.{receiver.__name__}"
        m2m_changed.connect(receiver, sender=field.through, dispatch_uid=uid)


def logged_out(request: Any = None, **_: Any) -> None:
    """Announce the session that ends; a recheck may still find it in the database."""
    mark = session_mark(getattr(getattr(request, "session", None), "session_key", None))
    if mark:
        _announce(RightsChange(session=mark))


def user_saved(instance: Any, using: str, update_fields: Any = None, **_: Any) -> None:
    """Announce a change of a user, such as a new password; ignore a new last_login."""
    if update_fields != frozenset({"last_login"}):
        _after_commit(str(instance.pk), using)


def user_deleted(instance: Any, using: str, **_: Any) -> None:
    """Announce that a user was deleted."""
    _after_commit(str(instance.pk), using)


def permissions_changed(
    instance: Any, action: str, using: str, pk_set: Any = None, **_: Any
) -> None:
    """Announce that the groups or permissions of one or several users changed."""
    if not action.startswith("post_"):
        return
    if isinstance(instance, get_user_model()):
        _after_commit(str(instance.pk), using)
    else:
        for pk in pk_set or [None]:  # after clear() the signal does not name the users
            _after_commit(pk and str(pk), using)


def group_changed(action: str, using: str, **_: Any) -> None:
    """Announce that the permissions of a group changed, which may concern any user."""
    if action.startswith("post_"):
        _after_commit(None, using)


def holder_deleted(using: str, **_: Any) -> None:
    """Announce that a group or a permission was deleted, which may concern any user."""
    _after_commit(None, using)


def _after_commit(user: str | None, using: str) -> None:
    transaction.on_commit(partial(_announce, RightsChange(user=user)), using)


def _announce(change: RightsChange) -> None:
    publisher = current_publisher()
    if publisher is not None:
        publisher.tell(change)
