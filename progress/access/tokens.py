"""Signed tokens that expire; each permits watching or cancelling one task."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.core.signing import BadSignature, Signer

from .. import conf, protocol

SALT = "progress.token"
LONGEST = 2048  # characters; a longer text is no token
RENEWED_FOR = 7 * 86400  # seconds; an open page's token is renewed for this long
ACTIONS = ("watch", "cancel")

Key = str | bytes


class Token(NamedTuple):
    """The content of a token. Times are seconds since 1970."""

    task_id: str
    actions: tuple[str, ...]
    born: int  # when the token was made; renewals keep this time
    expires: int
    user: str | None  # primary key of the user it is bound to; None: anybody may use it
    password: str | None  # a hash that changes with the password of that user
    renewable: bool
    by_session: bool = True  # whether a session signed in that user, not an API's token

    @property
    def is_over(self) -> bool:
        """Whether the token has expired."""
        return self.expires <= time.time()

    def renewed(self) -> str | None:
        """Return the text of a token with a new lifetime, or None if it is too early or too late.

        A token is renewed when half of its lifetime is over, until it is a week old.
        """
        now, lifetime = time.time(), conf.token_lifetime()
        early, late = self.expires - now > lifetime / 2, now - self.born > RENEWED_FOR
        if not self.renewable or early or late:
            return None
        return _sign(self._replace(expires=int(now + lifetime)))


def make_token(
    task: Any,
    user: Any = None,
    *,
    actions: Iterable[str] = ("watch",),
    lifetime: float | None = None,
) -> str:
    """Make a token for a task: an AsyncResult, or a task id.

    ``user`` is a user, or the request of a user. Only this user may use the token, in a page only
    with this user's session, unless the request was authenticated without a session, as by an API
    token. Without a user, or if the user is not signed in, anybody who has the token may use it.

    ``actions`` are "watch", "cancel", or both. With a ``lifetime`` in seconds the token is never
    renewed, which suits a link to share. Without it, the token lasts PROGRESS_TOKEN_LIFETIME, and
    pages that stay open renew it. A token consists of letters, digits and ``-_.``, so it fits into
    a URL and into Sec-WebSocket-Protocol.

    In an async view, await :func:`amake_token` instead: Django reads ``request.user`` from the
    database when it is first used. Raises ValueError for an id that is empty or not valid Unicode,
    an unknown action, and a lifetime that is not above zero.
    """
    task_id, chosen = id_of(task), tuple(actions)
    if not chosen or not set(chosen) <= set(ACTIONS):
        raise ValueError(f"a token's actions are one or more of {ACTIONS}, not {chosen!r}")
    seconds = conf.token_lifetime() if lifetime is None else lifetime
    if not seconds > 0:
        raise ValueError(f"a token's lifetime is a number of seconds above 0, not {lifetime!r}")
    now, (somebody, by_session) = int(time.time()), _signed_in(user)
    token = Token(
        task_id,
        chosen,
        born=now,
        expires=int(now + seconds),
        user=str(somebody.pk) if somebody else None,
        password=password_mark(somebody) if somebody else None,
        renewable=lifetime is None,
        by_session=by_session,
    )
    return _sign(token)


async def amake_token(task: Any, user: Any = None, **options: Any) -> str:
    """Do what :func:`make_token` does, in an async view, where ``request.user`` would block."""
    await sync_to_async(_signed_in)(user)  # this loads the user, and Django keeps it
    return make_token(task, user, **options)


def read_token(text: str | None) -> Token | None:
    """Return the token in this text; None if it is invalid, was altered, or has expired."""
    token = read_expired(text)
    return None if token is None or token.is_over else token


def read_expired(text: str | None) -> Token | None:
    """Return the token even if it has expired: only to explain a refusal, never to allow access."""
    if not text or len(text) > LONGEST:
        return None
    try:
        return Token(*signer(SALT).unsign_object(text))
    except (BadSignature, ValueError, TypeError):
        return None


def id_of(task: Any) -> str:
    """Return the id of an AsyncResult, or the id itself. Raises ValueError if it has no id."""
    value = getattr(task, "id", task)
    if value is None or value == "":
        raise ValueError(
            f"progress needs a task or a task id, not {task!r}; Celery's delay_on_commit() returns "
            "no id: choose one yourself with apply_async_on_commit(task_id=…)"
        )
    return protocol.task_id(str(value))


def user_of(owner: Any) -> Any:
    """Return the user of a request, or the user itself; the request may be another framework's."""
    return getattr(owner, "user", None) if hasattr(owner, "META") else owner


def _signed_in(owner: Any) -> tuple[Any, bool]:
    """Return the user or None, and whether a session signed in the user (True for no request)."""
    try:
        user = user_of(owner)
        if user is None or not user.is_authenticated:
            return None, True
        if user is owner:
            return user, True
        session = getattr(owner, "session", None)
        return user, session is not None and session.get(SESSION_KEY) == str(user.pk)
    except SynchronousOnlyOperation as error:
        raise SynchronousOnlyOperation(
            "request.user is not loaded yet, and an async view cannot wait for the database: "
            "await progress.amake_token() or progress.aaddresses()"
        ) from error


def password_mark(user: Any) -> str:
    """Return a short hash that changes with the user's password."""
    return str(user.get_session_auth_hash())[:16] if hasattr(user, "get_session_auth_hash") else ""


def password_marks(user: Any) -> set[str]:
    """Return the user's password marks, one for SECRET_KEY and each of SECRET_KEY_FALLBACKS."""
    fallbacks = getattr(user, "get_session_auth_fallback_hash", tuple)
    return {password_mark(user), *(str(each)[:16] for each in fallbacks())}


def _sign(token: Token) -> str:
    # Django compresses if that is shorter: JSON takes six characters for one that is not ASCII.
    return signer(SALT).sign_object(token, compress=True)


def signer(salt: str) -> Signer:
    """Return Django's signer with the site's keys, or raise ImproperlyConfigured without a key."""
    try:
        return _signer_of(salt, settings.SECRET_KEY, tuple(settings.SECRET_KEY_FALLBACKS))
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(
            "tokens are signed with a secret: set SECRET_KEY in Django's settings, or without "
            "Django's settings call progress.configure(secret=…)"
        ) from error


@lru_cache(maxsize=4)  # one for each salt; tests that change SECRET_KEY need a few more
def _signer_of(salt: str, key: Key, fallbacks: tuple[Key, ...]) -> Signer:
    return Signer(key=key, fallback_keys=list(fallbacks), salt=salt, sep=".")
