"""Signed, expiring words that let their bearer watch a task, or cancel it, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache
from hmac import HMAC
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signing import BadSignature, Signer, b64_encode
from django.utils.crypto import salted_hmac
from django.utils.encoding import force_bytes

from .. import conf

SALT = "progress.token"
LONGEST = 2048  # characters of a token; longer ones are not looked at
RENEWED_FOR = 7 * 86400  # seconds after which the token of a page that stays open is not renewed
ACTIONS = ("watch", "cancel")

Key = str | bytes


class Token(NamedTuple):
    """What a token says. Times are seconds since 1970."""

    task_id: str
    actions: tuple[str, ...]
    born: int  # when the first of a chain of renewed ones was made
    expires: int
    user: str | None  # primary key of whom it is bound to, or None: of nobody in particular
    password: str | None  # changes with the password of that user
    renewable: bool

    @property
    def is_over(self) -> bool:
        """Whether its lifetime is."""
        return self.expires <= time.time()

    def renewed(self) -> str | None:
        """Text that lives on from now, once half of the lifetime is over, for up to a week."""
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
    """A token for a task: an AsyncResult, or a task id.

    It is good for that user alone, or with None (or one who is not signed in) for whoever has it.
    ``actions`` are of "watch" and "cancel". With a ``lifetime`` in seconds it ends then, as of a
    link to be shared; without one it lives for PROGRESS_TOKEN_LIFETIME, and is renewed in a page
    that stays open. Letters, digits and ``-_.``: fit for a URL and for Sec-WebSocket-Protocol.

    Raises ValueError for an empty id, an unknown action, and a lifetime that is not above zero.
    """
    task_id, chosen = str(getattr(task, "id", task) or ""), tuple(actions)
    if not task_id:
        raise ValueError("a token needs a task or a task id, not an empty one")
    if not chosen or not set(chosen) <= set(ACTIONS):
        raise ValueError(f"a token's actions are of {ACTIONS}, not {chosen!r}")
    seconds = conf.token_lifetime() if lifetime is None else lifetime
    if not seconds > 0:
        raise ValueError(f"a token's lifetime is a number of seconds above 0, not {lifetime!r}")
    now, somebody = int(time.time()), user is not None and user.is_authenticated
    token = Token(
        task_id,
        chosen,
        born=now,
        expires=int(now + seconds),
        user=str(user.pk) if somebody else None,
        password=password_mark(user) if somebody else None,
        renewable=lifetime is None,
    )
    return _sign(token)


def read_token(text: str | None) -> Token | None:
    """What the token says, or None for one that is not ours, was altered, or has expired."""
    if not text or len(text) > LONGEST:
        return None
    try:
        token = Token(*_signer().unsign_object(text))
    except (BadSignature, ValueError, TypeError):
        return None
    return None if token.is_over else token


def password_mark(user: Any) -> str:
    """A few characters that change with the user's password."""
    return str(user.get_session_auth_hash())[:16] if hasattr(user, "get_session_auth_hash") else ""


def password_marks(user: Any) -> set[str]:
    """The same, also under the keys of SECRET_KEY_FALLBACKS."""
    fallbacks = getattr(user, "get_session_auth_fallback_hash", tuple)
    return {password_mark(user), *(str(each)[:16] for each in fallbacks())}


def _sign(token: Token) -> str:
    # Compressed where that is shorter: JSON has six characters for one that is not ASCII.
    return _signer().sign_object(token, compress=True)


def _signer() -> Signer:
    try:
        return _signer_of(settings.SECRET_KEY, tuple(settings.SECRET_KEY_FALLBACKS))
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(
            "tokens are signed with a secret: SECRET_KEY in Django's settings, or elsewhere "
            "progress.configure(secret=…)"
        ) from error


@lru_cache(maxsize=1)
def _signer_of(key: Key, fallbacks: tuple[Key, ...]) -> Signer:
    return _Signer(key=key, fallback_keys=list(fallbacks), salt=SALT, sep=".")


class _Signer(Signer):
    """Django's, which derives its key anew for each token: a quarter of what one takes to read."""

    def signature(self, value: Key, key: Key | None = None) -> str:
        """See ``Signer``: the same."""
        mac = _begun(self.salt, key or self.key, self.algorithm).copy()
        mac.update(force_bytes(value))
        return b64_encode(mac.digest()).decode()


@lru_cache(maxsize=8)
def _begun(salt: str, key: Key, algorithm: str) -> HMAC:
    return salted_hmac(salt + "signer", "", key, algorithm=algorithm)
