"""The frames between clients and server, and the close codes of websockets."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from . import conf
from .values import encode

PING = encode({"type": "ping"})
PING_AFTER = 20.0  # seconds of silence after which the server pings


class Close(IntEnum):
    """Close codes.

    After 4408 and 4429 a client reconnects in 30 to 60 s. After any other code from 4400 to 4499 it
    does not reconnect by itself. After all other codes it reconnects with back-off.
    """

    DONE = 1000  # all outcomes were sent
    BAD_REQUEST = 4400  # too many invalid frames, or an invalid handshake
    ENDED = 4401  # no right to watch any more: signed out, token expired, or right removed
    FORBIDDEN = 4403  # no right to watch, or a page of another site
    NOT_FOUND = 4404  # no such address
    SILENT = 4408  # the client subscribed to no task in time
    TOO_MANY = 4429  # too many frames a second, or connections of this user or address
    UNDECIDED = 4503  # the permission rule failed or took too long
    BUSY = 4504  # too many handshakes a second; most servers refuse the handshake with HTTP 403
    SLOW = 4508  # the client did not read


class Code(StrEnum):
    """The ``code`` of an error frame."""

    BAD_REQUEST = "bad_request"
    FORBIDDEN = "forbidden"
    TOO_MANY = "too_many"


class Reason(StrEnum):
    """The ``reason`` of an error frame with code ``forbidden`` or ``too_many``.

    Reasons are for developers, and more may be added. No reason reveals whether a task exists.
    """

    FOREIGN_ORIGIN = "foreign_origin"
    NO_TOKEN = "no_token"  # noqa: S105 - a word
    BAD_TOKEN = "bad_token"  # noqa: S105 - a word
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a word
    OTHER_TASK = "other_task"  # the token is for another task
    OTHER_ACTION = "other_action"  # the token does not permit this action
    OTHER_USER = "other_user"  # the token is bound to a user who is not signed in
    NOT_OWNER = "not_owner"
    RULE = "rule"  # the site's own rule said no
    USER_CONNECTIONS = "user_connections"
    ADDRESS_CONNECTIONS = "address_connections"
    FRAME_RATE = "frame_rate"
    SUBSCRIPTIONS = "subscriptions"  # this socket watches as many tasks as it may
    NOTHING_WATCHED = "nothing_watched"


class Request(NamedTuple):
    """A client's frame: ``verb`` is ``subscribe`` or ``unsubscribe``."""

    verb: str
    task_id: str
    token: str | None = None


class FrameError(ValueError):
    """A client's frame is invalid; the message says why, and what is expected."""


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # For a key that appears twice, some JSON parsers take the first value, others the last.
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key appears twice")
    return fields


def _refuse(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")


_strict = json.JSONDecoder(object_pairs_hook=_fields, parse_constant=_refuse)


def parse(text: str | None) -> Request:
    """Parse a client's frame; ``None`` stands for a binary frame. Raises FrameError."""
    if text is None:
        raise FrameError("a frame must be text, not binary")
    limit = conf.frame_limit()
    if len(text) > limit or len(text.encode("utf-8", "replace")) > limit:
        raise FrameError(f"a frame has at most {limit} bytes")
    try:
        frame = _strict.decode(text)
    except (ValueError, RecursionError):
        raise FrameError("a frame must be a JSON object with each key once") from None
    if not isinstance(frame, dict):
        raise FrameError("a frame is a JSON object")
    verb = frame.get("type")
    if verb not in ("subscribe", "unsubscribe"):
        raise FrameError('type must be "subscribe" or "unsubscribe"')
    token = frame.get("token")
    if token is not None and not isinstance(token, str):
        raise FrameError("token must be a string")
    return Request(verb, task_id(frame.get("task_id")), token)


def task_id(value: Any) -> str:
    """Return the value if it is a task id: text that is valid and not empty. Raises FrameError."""
    if not isinstance(value, str) or not value:
        raise FrameError("task_id must be a string that is not empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FrameError("task_id must be text that UTF-8 can carry") from None
    return value


def renewal(task_id: str, token: str) -> str:
    """Return a frame with a new token, which replaces the client's token for this task."""
    return encode({"type": "token", "task_id": task_id, "token": token})


def error(code: Code, detail: str, task_id: str | None = None, reason: str | None = None) -> str:
    """Return an error frame; ``task_id`` names the subscription that it concerns."""
    frame = {"type": "error", "code": code, "detail": detail}
    more = {"task_id": task_id, "reason": reason}
    return encode(frame | {name: value for name, value in more.items() if value is not None})
