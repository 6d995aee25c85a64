"""The frames that clients and server send each other, and the codes a socket is closed with."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from . import conf
from .values import encode

PING = encode({"type": "ping"})
PING_AFTER = 20.0  # seconds of silence after which the server pings


class Close(IntEnum):
    """Close codes. 4400 to 4499 say: do not come back. After all others, do."""

    DONE = 1000  # nothing left to watch
    BAD_REQUEST = 4400  # too many frames that are not of this protocol, or such a handshake
    ENDED = 4401  # the right to watch has ended: signed out, expired, taken away
    FORBIDDEN = 4403  # no right to watch, or a page of another site
    NOT_FOUND = 4404  # no such address
    SILENT = 4408  # the client did not say what it wants to watch
    TOO_MANY = 4429  # frames a second, or sockets of this user or address
    UNDECIDED = 4503  # whether the client may cannot be found out now
    BUSY = 4504  # too many handshakes a second; told as a refused one
    SLOW = 4508  # the client did not read


class Code(StrEnum):
    """What an error frame says."""

    BAD_REQUEST = "bad_request"
    FORBIDDEN = "forbidden"
    TOO_MANY = "too_many"


class Request(NamedTuple):
    """What a client asks for: ``verb`` is ``subscribe`` or ``unsubscribe``."""

    verb: str
    task_id: str
    token: str | None = None


class FrameError(ValueError):
    """A frame that is not of this protocol; the text says why, and what would be."""


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values, one reader takes the first and another the last.
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key twice")
    return fields


def _refuse(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")


_strict = json.JSONDecoder(object_pairs_hook=_fields, parse_constant=_refuse)


def parse(text: str | None) -> Request:
    """Read a client's frame; ``None`` stands for a binary one. Raises FrameError."""
    if text is None:
        raise FrameError("frames are text, not binary")
    limit = conf.frame_limit()
    if len(text) > limit or len(text.encode("utf-8", "replace")) > limit:
        raise FrameError(f"a frame has at most {limit} bytes")
    try:
        frame = _strict.decode(text)
    except (ValueError, RecursionError):
        raise FrameError("a frame is a JSON object, each key once") from None
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
    """A task id as Celery may have it: text that is not empty. Raises FrameError."""
    if not isinstance(value, str) or not value:
        raise FrameError("task_id must be a string that is not empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FrameError("task_id must be text that UTF-8 can carry") from None
    return value


def renewal(task_id: str, token: str) -> str:
    """A frame with a token that takes the place of the one this task is watched by."""
    return encode({"type": "token", "task_id": task_id, "token": token})


def error(code: Code, detail: str, task_id: str | None = None) -> str:
    """An error frame; ``task_id`` names the subscription it is about."""
    frame = {"type": "error", "code": code, "detail": detail}
    return encode(frame if task_id is None else {**frame, "task_id": task_id})
