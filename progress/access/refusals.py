"""Why a client is refused: told to the client as a word, and to the site's log in one line."""

from __future__ import annotations

import logging
import time
from collections import Counter

from django.core.exceptions import DisallowedHost

from .. import conf
from ..exceptions import RefusedError
from ..limits import Bucket
from ..protocol import Reason
from .handshakes import Handshake
from .owners import owns
from .rules import Asker, by_token
from .tokens import Token, read_expired

logger = logging.getLogger(__name__)

#: Of lines with the same reason: one per 10 s, and five at once.
RATE, BURST = 0.1, 5
LONGEST_ID = 80  # characters of a task id in the log

WORDS = {
    Reason.NO_TOKEN: "no token came with the request",
    Reason.BAD_TOKEN: "the token is not one of this site, or was changed: is SECRET_KEY the same?",
    Reason.EXPIRED_TOKEN: "the token has expired",
    Reason.OTHER_TASK: "the token is for another task",
    Reason.OTHER_ACTION: "the token does not permit this action",
    Reason.OTHER_USER: "the token is bound to a user who is not signed in here, is not active, or "
    "has another password now",
    Reason.NOT_OWNER: "the task belongs to another user or session",
    Reason.RULE: "the rule of PROGRESS_PERMISSION said no",
    Reason.USER_CONNECTIONS: "the user has PROGRESS_SOCKETS_PER_USER connections already",
    Reason.ADDRESS_CONNECTIONS: "the address has PROGRESS_SOCKETS_PER_ADDRESS connections already",
    Reason.FRAME_RATE: "the client sent more than PROGRESS_FRAME_RATE frames a second",
    Reason.NOTHING_WATCHED: "the client watched nothing within PROGRESS_FIRST_FRAME seconds",
}

_buckets: dict[str, Bucket] = {}
_silent: Counter[str] = Counter()


def refused(who: Asker, task_id: str, action: str, text: str | None) -> RefusedError:
    """Log why the rule said no, and make the error that says so. ``text`` is the token as it came.

    The reason never depends on whether the task exists.
    """
    why = reason(who, task_id, action, read_expired(text)) if text else _without_token()
    log(why, f"{action} task {task_id[:LONGEST_ID]!r}")
    return RefusedError(why)


def log(reason: Reason, what: str = "connect", detail: str = "") -> None:
    """Log a refusal, at most once in 10 s for each reason after the first five."""
    now = time.monotonic()
    bucket = _buckets.setdefault(reason, Bucket(RATE, BURST))
    if not bucket.take(now):
        _silent[reason] += 1
        return
    more = f" ({_silent.pop(reason)} more since the last such line)" if _silent[reason] else ""
    logger.warning("Refused to %s: %s%s", what, detail or WORDS[reason], more)


def log_foreign_origin(handshake: Handshake) -> None:
    """Log which origin came, and which would be taken."""
    try:
        expected = " or ".join(handshake.expected_origins)
    except DisallowedHost as error:
        expected = f"none: {error}"
    detail = (
        f"the page's origin is {handshake.origin!r:.200}, expected is {expected}. Behind a proxy "
        "pass Host on and set SECURE_PROXY_SSL_HEADER; CSRF_TRUSTED_ORIGINS adds other sites"
    )
    log(Reason.FOREIGN_ORIGIN, detail=detail)


def reason(who: Asker, task_id: str, action: str, token: Token | None) -> Reason:
    """Why the rule said no to this token, which may have expired; None: it could not be read."""
    if token is not None and token.is_over:
        return Reason.EXPIRED_TOKEN
    if (conf.permission() or by_token) is not by_token:
        return Reason.RULE
    if token is None:
        return Reason.BAD_TOKEN
    if token.task_id != task_id:
        return Reason.OTHER_TASK
    if action not in token.actions:
        return Reason.OTHER_ACTION
    is_owned = owns(task_id, user=token.user, session=who.session_key)
    return Reason.OTHER_USER if is_owned else Reason.NOT_OWNER


def _without_token() -> Reason:
    rule = conf.permission() or by_token
    return Reason.NO_TOKEN if rule is by_token else Reason.RULE
