"""The channel layer's group of a task, and the message that travels in it."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

from . import conf
from .events import Event

MESSAGE_TYPE = "progress.event"
#: What a link sends to itself, to hear whether it hears.
ECHO = {"type": "progress.echo"}


def group_name(task_id: str) -> str:
    """A name that any channel layer takes, for an id that may hold any character."""
    return f"{conf.prefix()}.{hashlib.sha256(task_id.encode()).hexdigest()[:40]}"


def echo_group_name() -> str:
    """A group that nobody else is in."""
    return f"{conf.prefix()}.echo.{uuid4().hex}"


def message(event: Event) -> dict[str, str]:
    """The event as a message for the group."""
    return {"type": MESSAGE_TYPE, "text": event.text()}


def read(message: Any) -> Event:
    """The event in a message. Raises ValueError for a message that is none of ours."""
    if not isinstance(message, dict) or message.get("type") != MESSAGE_TYPE:
        raise ValueError(f"not a progress message: {message!r:.80}")
    text = message.get("text")
    if not isinstance(text, str):
        raise ValueError(  # noqa: TRY004 - a message is one value
            f"a progress message without its text: {message!r:.80}"
        )
    return Event.from_text(text)
