"""The frames that clients and server send each other, and the codes a socket is closed with."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from .events import encode

FRAME_LIMIT = 4096  # bytes a client's frame may have
PING = encode({"type": "ping"})
PING_AFTER = 20.0  # seconds of silence after which the server pings


class Close(IntEnum):
    """Close codes. 4400 to 4499 say: do not come back. After all others, do."""

    DONE = 1000  # nothing left to watch
    BAD_REQUEST = 4400  # too many frames that are not of this protocol
    NOT_FOUND = 4404  # no such address
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


class FrameError(ValueError):
    """A frame that is not of this protocol; the text says why, and what would be."""


def parse(text: str | None) -> Request:
    """Read a client's frame; ``None`` stands for a binary one. Raises FrameError."""
    if text is None:
        raise FrameError("frames are text, not binary")
    if len(text.encode("utf-8", "replace")) > FRAME_LIMIT:
        raise FrameError(f"a frame has at most {FRAME_LIMIT} bytes")
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        raise FrameError("a frame is a JSON object") from None
    if not isinstance(frame, dict):
        raise FrameError("a frame is a JSON object")
    verb = frame.get("type")
    if verb not in ("subscribe", "unsubscribe"):
        raise FrameError('type must be "subscribe" or "unsubscribe"')
    return Request(verb, task_id(frame.get("task_id")))


def task_id(value: Any) -> str:
    """A task id as Celery may have it: text that is not empty. Raises FrameError."""
    if not isinstance(value, str) or not value:
        raise FrameError("task_id must be a string that is not empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FrameError("task_id must be text that UTF-8 can carry") from None
    return value


def error(code: Code, detail: str, task_id: str | None = None) -> str:
    """An error frame; ``task_id`` names the subscription it is about."""
    frame = {"type": "error", "code": code, "detail": detail}
    return encode(frame if task_id is None else {**frame, "task_id": task_id})
