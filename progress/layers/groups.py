"""The group of each task on the channel layer, and the messages that are sent to it."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple
from uuid import uuid4
from zlib import crc32

from channels import DEFAULT_CHANNEL_LAYER
from django.conf import settings

from .. import conf
from ..events import Event

MESSAGE_TYPE = "progress.event"
ECHO_TYPE = "progress.echo"
RIGHTS_TYPE = "progress.rights"


class RightsChange(NamedTuple):
    """A change of the rights of a user, a session or a task's watchers; of all, if all are None."""

    user: str | None = None
    session: str | None = None
    task: str | None = None


class Echo(NamedTuple):
    """A message that a listener sends to itself, to test that messages arrive."""

    group: str


def rights_group_name() -> str:
    """Return the group that every web process joins."""
    return f"{conf.prefix()}.rights"


def rights_changed(change: RightsChange) -> dict[str, Any]:
    """Return the change as a message for the group of :func:`rights_group_name`."""
    return {"type": RIGHTS_TYPE, **change._asdict()}


def session_mark(key: str | None) -> str | None:
    """Return a hash that names a session without revealing its key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32] if key else None


def group_name(task_id: str) -> str:
    """Return the group name of a task: a hash of the id, since layers refuse some characters."""
    return f"{conf.prefix()}.{hashlib.sha256(task_id.encode()).hexdigest()[:40]}"


def echo_group_names() -> list[str]:
    """Return new group names for one listener's echoes, one on each server of the channel layer."""
    layer = getattr(settings, "CHANNEL_LAYERS", {}).get(DEFAULT_CHANNEL_LAYER, {})
    config = layer.get("CONFIG", {})
    servers = len(config.get("hosts") or ["its default"])
    found: dict[int, str] = {}
    while len(found) < servers:
        name = f"{conf.prefix()}.echo.{uuid4().hex}"
        found[_server(f"{config.get('prefix', 'asgi')}__group__{name}", servers)] = name
    return list(found.values())


def _server(name: str, servers: int) -> int:
    """Return the number of the server to which channels_redis assigns this Redis channel.

    tests/layers/test_sharding.py compares it with the layer itself.
    """
    return int((crc32(name.encode()) & 0xFFF) / (4096 / servers))


def echo(group: str) -> dict[str, str]:
    """Return the echo message for this group; see ``Echo``."""
    return {"type": ECHO_TYPE, "group": group}


def message(event: Event) -> dict[str, str]:
    """Return the event as a message for the group of its task."""
    return message_of(event.text())


def message_of(text: str) -> dict[str, str]:
    """Return an event's JSON text as a message for the group of its task."""
    return {"type": MESSAGE_TYPE, "text": text}


def parse(message: Any) -> Event | RightsChange | Echo:
    """Return the content of a message. Raises ValueError if this package did not send it."""
    kind = message.get("type") if isinstance(message, dict) else None
    if kind == MESSAGE_TYPE:
        return _event(message)
    if kind == ECHO_TYPE:
        return Echo(str(message.get("group")))
    if kind == RIGHTS_TYPE:
        return _change(message)
    raise ValueError(f"not a progress message: {message!r:.80}")


def _event(message: dict[str, Any]) -> Event:
    text = message.get("text")
    if not isinstance(text, str):
        raise ValueError(  # noqa: TRY004 - a message is one value
            f"a progress message without its text: {message!r:.80}"
        )
    return Event.from_text(text)


def _change(message: dict[str, Any]) -> RightsChange:
    change = RightsChange(**{name: message.get(name) for name in RightsChange._fields})
    if not all(each is None or isinstance(each, str) for each in change):
        raise ValueError(f"not a change of rights: {change!r:.80}")
    return change
