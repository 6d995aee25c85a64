"""Who may do what with a task: one rule for every transport, which denies unless it allows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from inspect import isawaitable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import close_old_connections
from django.http import HttpRequest

from .. import conf
from .tokens import Token, password_marks

logger = logging.getLogger("progress")

PATIENCE = 10.0  # seconds that a rule may take
#: Not the process-wide thread of Django's async views: who blocks that one blocks everybody.
THREADS = 4


class Asker:
    """Who asks: a request, or a websocket's handshake as one, and the token that came with it.

    ``token`` is None unless a good one came. ``scope`` is the ASGI scope, empty under WSGI.
    ``user`` is who is signed in, or None; it may read the database. Where the site has no users of
    Django's, it is the scope's "user", if that says of itself ``is_authenticated``; elsewhere that
    one counts for nothing.
    """

    def __init__(self, request: HttpRequest, token: Token | None = None) -> None:
        self.request = request
        self.token = token

    @property
    def scope(self) -> Mapping[str, Any]:
        return getattr(self.request, "scope", {})

    @property
    def user(self) -> Any:
        # Where the request has a user of its own, nobody included, the scope's is another opinion:
        # by the cookie of a script, or of a session that has ended.
        user = getattr(self.request, "user", self.scope.get("user"))
        return user if user is not None and getattr(user, "is_authenticated", False) else None

    @property
    def is_page(self) -> bool:
        """Whether a page of this site asks over a websocket, which a session has to vouch for."""
        return bool(getattr(self.request, "is_page", False))


#: Given who asks, the task id and the action: whether they may.
Rule = Callable[[Asker, str, str], Any]


class UndecidedError(Exception):
    """The rule failed or took too long: nobody knows whether they may, so they may not now."""


def by_token(who: Asker, task_id: str, action: str) -> bool:
    """The rule where PROGRESS_PERMISSION names no other: a good token for this task and action.

    One that is bound to a user is good while that user is active and has the password of then,
    and is who is signed in. Scripts, which have no session, may bear it.
    """
    token = who.token
    if token is None or token.task_id != task_id or action not in token.actions:
        return False
    if token.user is None:
        return True
    user = who.user
    if user is None and not who.is_page and apps.is_installed("django.contrib.auth"):
        user = get_user_model()._default_manager.filter(pk=token.user).first()
    if user is None or str(user.pk) != token.user or not getattr(user, "is_active", True):
        return False
    return token.password in password_marks(user)


async def may(who: Asker, task_id: str, action: str) -> bool:
    """Ask the rule. Raises UndecidedError when it raises, or takes longer than 10 s.

    PermissionDenied and ObjectDoesNotExist are answers, and the same: no.
    """
    rule = conf.permission() or by_token
    if rule is by_token and (who.token is None or who.token.user is None):
        return by_token(who, task_id, action)  # needs no database, and so no thread
    try:
        async with asyncio.timeout(PATIENCE):
            if iscoroutinefunction(rule):
                return bool(await rule(who, task_id, action))
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(_threads, _ask, rule, who, task_id, action)
            # An object whose __call__ is async does not say so, and a coroutine counts as true.
            return bool(await answer) if isawaitable(answer) else bool(answer)
    except (PermissionDenied, ObjectDoesNotExist):
        return False
    except Exception as error:
        logger.exception("Whether a task may be seen could not be found out")
        raise UndecidedError(f"{type(error).__name__} in the rule for {action}") from error


def _ask(rule: Rule, who: Asker, task_id: str, action: str) -> Any:
    close_old_connections()
    try:
        answer = rule(who, task_id, action)
        return answer if isawaitable(answer) else bool(answer)
    finally:
        close_old_connections()


_threads = ThreadPoolExecutor(THREADS, "progress-access")
