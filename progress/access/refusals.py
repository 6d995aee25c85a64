"""The reasons for refusing a client: a word for the client, and a line for the site's log."""

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

#: Limits the log lines for each reason: one per 10 s, after a burst of five.
RATE, BURST = 0.1, 5
LONGEST_ID = 80  # characters of a task id in the log

#: Clients are sent these words too, so they contain no names of settings.
WORDS = {
    Reason.FOREIGN_ORIGIN: "the page belongs to another site",
    Reason.NO_TOKEN: "no token was given",
    Reason.BAD_TOKEN: "the token was altered, or another site signed it",
    Reason.EXPIRED_TOKEN: "the token has expired",
    Reason.OTHER_TASK: "the token is for another task",
    Reason.OTHER_ACTION: "the token does not permit this action",
    Reason.OTHER_USER: "the token is bound to a user who is not signed in, is no longer active, "
    "or has changed the password",
    Reason.NOT_OWNER: "the task belongs to another user or session",
    Reason.RULE: "the site's rule denies it",
    Reason.USER_CONNECTIONS: "the user has too many connections",
    Reason.ADDRESS_CONNECTIONS: "the address has too many connections",
    Reason.FRAME_RATE: "the client sent too many frames a second",
    Reason.NOTHING_WATCHED: "the client subscribed to no task in time",
}
#: Hints for the site's administrator.
HINTS = {
    Reason.BAD_TOKEN: "is SECRET_KEY the same in all processes?",
    Reason.RULE: "PROGRESS_PERMISSION",
    Reason.USER_CONNECTIONS: "PROGRESS_SOCKETS_PER_USER",
    Reason.ADDRESS_CONNECTIONS: "PROGRESS_SOCKETS_PER_ADDRESS; does the server know the client's "
    "address behind a proxy?",
    Reason.FRAME_RATE: "PROGRESS_FRAME_RATE",
    Reason.NOTHING_WATCHED: "PROGRESS_FIRST_FRAME",
}

_buckets: dict[str, Bucket] = {}
_silent: Counter[str] = Counter()


def refused(who: Asker, task_id: str, action: str, text: str | None) -> RefusedError:
    """Return an error with the reason why the rule denied access; ``text`` is the client's token.

    The reason never depends on whether the task exists.
    """
    why = reason(who, task_id, action, read_expired(text)) if text else _without_token()
    return RefusedError(why, f"{action} task {task_id[:LONGEST_ID]!r}")


def log_refused(error: RefusedError) -> None:
    """Log what was refused, and the reason."""
    log(Reason(error.reason), error.what)


def log(reason: Reason, what: str = "connect a client", detail: str = "") -> None:
    """Log a refusal; after the first five, at most one line per reason in 10 s."""
    now = time.monotonic()
    bucket = _buckets.setdefault(reason, Bucket(RATE, BURST))
    if not bucket.take(now):
        _silent[reason] += 1
        return
    hint = f" ({HINTS[reason]})" if reason in HINTS else ""
    silent = _silent.pop(reason, 0)
    more = f" ({silent} more since the last such line)" if silent else ""
    logger.warning("Refused to %s: %s%s%s", what, detail or WORDS[reason], hint, more)


def log_foreign_origin(handshake: Handshake) -> None:
    """Log the page's origin and the origins that would be accepted."""
    try:
        expected = " or ".join(handshake.expected_origins)
    except DisallowedHost as error:
        expected = f"none: {error}"
    detail = (
        f"the page's origin is {handshake.origin!r:.200}, expected is {expected}. A proxy must "
        "forward Host, and TLS needs SECURE_PROXY_SSL_HEADER; CSRF_TRUSTED_ORIGINS adds other sites"
    )
    log(Reason.FOREIGN_ORIGIN, detail=detail)


def reason(who: Asker, task_id: str, action: str, token: Token | None) -> Reason:
    """Return why the rule denied access with this token (None if it cannot be read)."""
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
    is_owner = owns(task_id, user=token.user, session=who.session_key)
    return Reason.OTHER_USER if is_owner else Reason.NOT_OWNER


def _without_token() -> Reason:
    rule = conf.permission() or by_token
    return Reason.NO_TOKEN if rule is by_token else Reason.RULE
