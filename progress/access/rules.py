"""Who may do what with a task: one rule for every transport, which denies unless it allows."""

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
#: Not the process-wide thread of Django's async views: a rule that blocks it blocks every view.
THREADS = 4


class Asker:
    """Whoever asks for a task: an HTTP request or a websocket's handshake, and its token.

    ``token`` is None unless a good one came. ``scope`` is the ASGI scope, empty under WSGI.
    ``user`` is the user who is signed in, or None; a sync rule may read it, for an async rule it
    has been read already. On a site without Django's users it is the scope's "user" if that has
    ``is_authenticated``; on other sites the scope's "user" is ignored.
    """

    def __init__(self, request: HttpRequest, token: Token | None = None) -> None:
        self.request = request
        self.token = token

    @property
    def scope(self) -> Mapping[str, Any]:
        return getattr(self.request, "scope", {})

    @property
    def user(self) -> Any:
        # The request's own user counts even when it is None. The scope's may come from the cookie
        # of a script, or of a session that has ended.
        user = getattr(self.request, "user", self.scope.get("user"))
        return user if user is not None and getattr(user, "is_authenticated", False) else None

    @property
    def session_key(self) -> str | None:
        """The key of the visitor's session; not whether that is still alive."""
        return self.request.COOKIES.get(settings.SESSION_COOKIE_NAME)

    @property
    def is_page(self) -> bool:
        """Whether a page of this site asks over a websocket; its session has to vouch for it."""
        return bool(getattr(self.request, "is_page", False))

    def owns(self, task_id: str) -> bool:
        """Whether an id of ``owned_task_id()`` names this user or session; True for other ids."""
        user = self.user
        return owns(task_id, user=user and str(user.pk), session=self.session_key)


#: Called with who asks, the task id and the action; says whether that is allowed.
Rule = Callable[[Asker, str, str], Any]


def by_token(who: Asker, task_id: str, action: str) -> bool:
    """The rule unless PROGRESS_PERMISSION names another: a good token for this task and action.

    A token that is bound to a user counts while that user is active, has the same password as
    then, and is signed in. A script has no session and may bear it; so may a page if no session
    signed the user in when the token was made. A task with an owner is for its owner alone.
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
    """Ask the rule.

    PermissionDenied and ObjectDoesNotExist mean no. Raises UndecidedError when the rule raises
    anything else, takes longer than 10 s, or gets no thread within 30 s.
    """
    rule = conf.permission() or by_token
    if rule is by_token and (who.token is None or who.token.user is None):
        return by_token(who, task_id, action)  # needs no database, and so no thread
    try:
        if iscoroutinefunction(rule):
            await _read_user(who)
            answer = rule(who, task_id, action)
        else:
            answer = await _pool.run(
                _ask, rule, who, task_id, action, within=RULE_TIMEOUT, queued=QUEUE_TIMEOUT
            )
        if isawaitable(answer):  # also from an object whose __call__ is async
            async with asyncio.timeout(RULE_TIMEOUT):
                answer = await answer
        return bool(answer)
    except (PermissionDenied, ObjectDoesNotExist):
        return False
    except Exception as error:
        logger.exception("The rule did not say whether a task may be seen")
        raise UndecidedError(f"{type(error).__name__} in the rule for {action}") from error


async def _read_user(who: Asker) -> None:
    """Have ``who.user`` at hand, since an async rule cannot wait for the database."""
    with suppress(Exception):  # a rule that does not ask for the user must not fail for it
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
