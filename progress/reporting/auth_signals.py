"""Announces to all web processes that somebody's rights have changed, so that they recheck."""

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
    """Recheck the connections of this user, or that watch this task; with neither, all.

    For rules of your own, when what they depend on has changed. Connections that may no longer
    watch close within 2 s, in all web processes; when Redis is away, within 60 s. A process
    rechecks 20 connections at a time, so a rule that takes 50 ms takes 12 s for 1,000 of them.
    """
    _announce(
        RightsChange(
            user=None if user is None else str(user.pk),
            task=None if task is None else str(getattr(task, "id", task)),
        )
    )


def connect() -> None:
    """Listen to logout and to changes of users, groups and permissions, where Django has users."""
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
    """A proxy sends signals of its own."""
    return (each for each in apps.get_models() if issubclass(each, model))


def _holders(model: Any) -> Iterator[type[Model]]:
    """The models of groups and of permissions: with one of them many users lose rights."""
    for name in ("groups", "user_permissions"):
        field = getattr(model, name, None)
        if field is not None:
            yield field.rel.model


def _connect_field(field: Any, receiver: Any) -> None:
    if field is not None:
        uid = f"progress.{receiver.__name__}"
        m2m_changed.connect(receiver, sender=field.through, dispatch_uid=uid)


def logged_out(request: Any = None, **_: Any) -> None:
    """Name the session: it ends right after this signal, and a recheck may still find it."""
    mark = session_mark(getattr(getattr(request, "session", None), "session_key", None))
    if mark:
        _announce(RightsChange(session=mark))


def user_saved(instance: Any, using: str, update_fields: Any = None, **_: Any) -> None:
    """Announce any change of a user, such as a new password, but not the time of a login."""
    if update_fields != frozenset({"last_login"}):
        _after_commit(str(instance.pk), using)


def user_deleted(instance: Any, using: str, **_: Any) -> None:
    """Announce that the user is gone."""
    _after_commit(str(instance.pk), using)


def permissions_changed(
    instance: Any, action: str, using: str, pk_set: Any = None, **_: Any
) -> None:
    """Announce that groups or permissions of a user changed; from the other side, of several."""
    if not action.startswith("post_"):
        return
    if isinstance(instance, get_user_model()):
        _after_commit(str(instance.pk), using)
    else:
        for pk in pk_set or [None]:  # after clear() the signal does not say whose they were
            _after_commit(pk and str(pk), using)


def group_changed(action: str, using: str, **_: Any) -> None:
    """Announce that the permissions of a group changed: it may have members anywhere."""
    if action.startswith("post_"):
        _after_commit(None, using)


def holder_deleted(using: str, **_: Any) -> None:
    """Announce that a group or a permission is gone: many users may have had it."""
    _after_commit(None, using)


def _after_commit(user: str | None, using: str) -> None:
    transaction.on_commit(partial(_announce, RightsChange(user=user)), using)


def _announce(change: RightsChange) -> None:
    publisher = current_publisher()
    if publisher is not None:
        publisher.tell(change)
