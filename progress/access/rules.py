"""The permission rule, which every transport asks; anything but a clear yes denies access."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from inspect import isawaitable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import close_old_connections
from django.http import HttpRequest

from .. import conf
from ..exceptions import UndecidedError
from ..pools import DaemonPool
from .owners import owns
from .tokens import Token, password_marks

logger = logging.getLogger(__name__)

RULE_TIMEOUT = 10.0  # seconds that a rule may take, counted from its start
QUEUE_TIMEOUT = 30.0  # seconds that a rule may wait for a thread
#: Threads of their own: Django's async views share one thread, which a slow rule would block.
THREADS = 4


class Asker:
    """The client that asks for a task: an HTTP request or a websocket's handshake, and its token.

    ``token`` is None if the client sent no valid one. ``scope`` is the ASGI scope, empty under
    WSGI. ``user`` is the signed-in user, or None; a sync rule may read it from the database, and
    for an async rule it is already loaded. On a site without Django's users, ``user`` is the
    scope's "user" if that has ``is_authenticated``; other sites ignore the scope's "user".
    """

    def __init__(self, request: HttpRequest, token: Token | None = None) -> None:
        self.request = request
        self.token = token

    @property
    def scope(self) -> Mapping[str, Any]:
        return getattr(self.request, "scope", {})

    @property
    def user(self) -> Any:
        # The request's user counts even if it is None: the scope's user may come from a script's
        # cookie, or from a session that has ended.
        user = getattr(self.request, "user", self.scope.get("user"))
        return user if user is not None and getattr(user, "is_authenticated", False) else None

    @property
    def session_key(self) -> str | None:
        """The key in the visitor's session cookie, or None; the session may have ended already."""
        return self.request.COOKIES.get(settings.SESSION_COOKIE_NAME)

    @property
    def is_page(self) -> bool:
        """Whether a page asks over a websocket; if so, its session must confirm the user."""
        return bool(getattr(self.request, "is_page", False))

    def owns(self, task_id: str) -> bool:
        """Return whether this user or session owns the task; True for an id without an owner."""
        user = self.user
        return owns(task_id, user=user and str(user.pk), session=self.session_key)


#: Takes the asker, the task id and the action; returns, or resolves to, whether it is allowed.
Rule = Callable[[Asker, str, str], Any]


def by_token(who: Asker, task_id: str, action: str) -> bool:
    """Allow a client with a valid token for this task and action: the default rule.

    A token that is bound to a user is valid while that user is active and keeps the password. If
    somebody is signed in, it must be that user. On a page's websocket that user must be signed in,
    unless the token was made for a user who was signed in without a session. A task with an owner
    is for its owner alone. PROGRESS_PERMISSION replaces this rule.
    """
    token = who.token
    if token is None or token.task_id != task_id or action not in token.actions:
        return False
    if not owns(task_id, user=token.user, session=who.session_key):
        return False
    if token.user is None:
        return True
    bears = not token.by_session or (not who.is_page and who.user is None)
    if bears and apps.is_installed("django.contrib.auth"):
        user = get_user_model()._default_manager.filter(pk=token.user).first()
    else:
        user = who.user
    if user is None or str(user.pk) != token.user or not getattr(user, "is_active", True):
        return False
    return token.password in password_marks(user)


async def may(who: Asker, task_id: str, action: str) -> bool:
    """Ask the rule, and return its answer.

    PermissionDenied and ObjectDoesNotExist from the rule mean no. Raises UndecidedError when the
    rule raises anything else, takes longer than 10 s, or gets no thread within 30 s.
    """
    rule = conf.permission() or by_token
    if rule is by_token and (who.token is None or who.token.user is None):
        return by_token(who, task_id, action)  # it needs no database here, so no thread
    try:
        if iscoroutinefunction(rule):
            await _read_user(who)
            answer = rule(who, task_id, action)
        else:
            answer = await _pool.run(
                _ask, rule, who, task_id, action, within=RULE_TIMEOUT, queued=QUEUE_TIMEOUT
            )
        if isawaitable(answer):  # the rule may be an object with an async __call__
            async with asyncio.timeout(RULE_TIMEOUT):
                answer = await answer
        return bool(answer)
    except (PermissionDenied, ObjectDoesNotExist):
        return False
    except Exception as error:
        logger.exception("The permission rule failed or took too long")
        raise UndecidedError(f"{type(error).__name__} in the rule for {action}") from error


def permits(who: Asker, task_id: str, action: str) -> bool:
    """Ask the rule in the caller's thread, for code that is not asynchronous.

    Returns False also when the rule is asynchronous or raises: use it only where no harm comes of
    that. Nothing limits the time that the rule takes.
    """
    rule = conf.permission() or by_token
    if iscoroutinefunction(rule):
        return False
    try:
        answer = rule(who, task_id, action)
        if not isawaitable(answer):
            return bool(answer)
        with suppress(AttributeError):  # an awaitable that is no coroutine has no close()
            answer.close()  # type: ignore[attr-defined]
    except (PermissionDenied, ObjectDoesNotExist):
        return False
    except Exception:
        logger.exception("The permission rule failed")
    return False


async def _read_user(who: Asker) -> None:
    """Load ``who.user`` for an async rule, which cannot wait for the database."""
    with suppress(Exception):  # a rule that does not use the user must not fail for it
        await _pool.run(_user, who, within=RULE_TIMEOUT, queued=QUEUE_TIMEOUT)


def _user(who: Asker) -> Any:
    close_old_connections()
    try:
        return who.user
    finally:
        close_old_connections()


def _ask(rule: Rule, who: Asker, task_id: str, action: str) -> Any:
    close_old_connections()
    try:
        answer = rule(who, task_id, action)
        if not isawaitable(answer):
            return bool(answer)
        with suppress(Exception):  # see _read_user
            _ = who.user
        return answer
    finally:
        close_old_connections()


_pool = DaemonPool(THREADS, "progress-access")
