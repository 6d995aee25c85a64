"""Task ids with a signed owner, so that only this owner can watch or cancel the task."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from django.core.exceptions import SynchronousOnlyOperation
from django.utils.crypto import constant_time_compare

from .tokens import signer, user_of

SALT = "progress.owner"
OWNED = re.compile(r"own-(?P<kind>user|session)-(?P<nonce>[0-9a-f]{32})-(?P<mark>[\w-]+)")


def owned_task_id(owner: Any) -> str:
    """Make an id for a task that belongs to one user, or to one visitor's session.

        task = import_rows.apply_async([path], task_id=owned_task_id(request))

    ``owner`` is a user or a request. A request stands for its user, or for its session if nobody
    is signed in; a session is created if there is none. The default rule :func:`by_token` lets
    only the owner watch or cancel the task, even if another visitor has a token for it. Your own
    rule can call ``who.owns(task_id)``. The id contains a signature, not the owner's name.

    A visitor loses access to the session's tasks when the session ends, which signing in does too.
    Sessions in signed cookies cannot own tasks, since their key changes with each request. In an
    async view, pass ``await request.auser()``. Raises ValueError for a user who is not signed in,
    and for a request without sessions.
    """
    kind, name = _owner(owner)
    nonce = uuid4().hex
    mark = signer(SALT).signature(f"{kind}:{nonce}:{name}")
    return f"own-{kind}-{nonce}-{mark}"


def owns(task_id: str, *, user: str | None, session: str | None) -> bool:
    """Return whether the task belongs to this user or session, or has no owner.

    ``user`` is a primary key and ``session`` a session's key, or None.
    """
    owned = OWNED.fullmatch(task_id)
    if owned is None:
        return True
    name = user if owned["kind"] == "user" else session
    if not name:
        return False
    signing = signer(SALT)
    text = f"{owned['kind']}:{owned['nonce']}:{name}"
    return any(
        constant_time_compare(owned["mark"], signing.signature(text, key))
        for key in (signing.key, *signing.fallback_keys)
    )


def _owner(owner: Any) -> tuple[str, str]:
    try:
        user = user_of(owner)
        if user is not None and user.is_authenticated:
            return "user", str(user.pk)
    except SynchronousOnlyOperation as error:
        raise SynchronousOnlyOperation(
            "request.user is not loaded yet, and an async view cannot wait for the database: pass "
            "`await request.auser()` to owned_task_id()"
        ) from error
    session = getattr(owner, "session", None)
    if session is None:
        raise ValueError("a task's owner must be a signed-in user, or a request with a session")
    if not session.session_key:
        session.create()
    return "session", session.session_key
