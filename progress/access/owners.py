"""Task ids that say whose task it is, so that no page can show the task to anybody else."""

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

    ``owner`` is a request, or a user. By the rule :func:`by_token` only its owner may watch or
    cancel such a task, whoever is given a token for it: the user who is signed in, or for a
    request without one the session it belongs to, which is made if there is none. A rule of your
    own can ask ``who.owns(task_id)``. The id carries a signature, not the name of its owner.

    A visitor's tasks are lost to the visitor when the session ends, also by signing in; sessions
    in signed cookies change their key with each request, and cannot own tasks. In an async view
    give it ``await request.auser()``. Raises ValueError for a user who is not signed in, and for a
    request without sessions.
    """
    kind, name = _owner(owner)
    nonce = uuid4().hex
    mark = signer(SALT).signature(f"{kind}:{nonce}:{name}")
    return f"own-{kind}-{nonce}-{mark}"


def owns(task_id: str, *, user: str | None, session: str | None) -> bool:
    """Whether the task belongs to this user or session, or its id names no owner.

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
            "request.user was not read yet, which takes the database: in an async view give "
            "owned_task_id() what `await request.auser()` returns"
        ) from error
    session = getattr(owner, "session", None)
    if session is None:
        raise ValueError("a task is owned by a user who is signed in, or by a request's session")
    if not session.session_key:
        session.create()
    return "session", session.session_key
