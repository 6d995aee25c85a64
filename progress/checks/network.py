"""Checks that connect to Redis, the channel layer and the broker."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery import current_app
from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import InMemoryChannelLayer, channel_layers
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import ResponseError

from .. import conf, redis_servers
from ..layers import groups
from .tasks import has_broker

WITHIN = 2.0  # seconds for all servers together

#: For each server: its name in a warning, its setting, and the id of the warning.
SERVERS = {
    "store": ("The Redis server of the events", "PROGRESS_REDIS_URL", "progress.W013"),
    "layer": ("The channel layer", "CHANNEL_LAYERS", "progress.W014"),
    "broker": ("The broker of Celery", "CELERY_BROKER_URL", "progress.W015"),
}


class Probe(threading.Thread):
    """Calls a function in a daemon thread, since no library limits how long DNS may take."""

    def __init__(self, name: str, call: Callable[[], list[CheckMessage]]) -> None:
        super().__init__(name=f"progress-check-{name}", daemon=True)
        self.server = name
        self._call = call
        self._found: list[CheckMessage] = [_unreachable(name, f"no answer within {WITHIN:g} s")]
        self.start()

    def run(self) -> None:
        """Call the function; keep the messages that it returns, or a warning with its error."""
        try:
            self._found = self._call()
        except Exception as error:
            self._found = [_unreachable(self.server, f"{error}" or type(error).__name__)]

    def found_by(self, deadline: float) -> list[CheckMessage]:
        """Wait for the messages of the function, until the deadline."""
        self.join(max(0.0, deadline - time.monotonic()))
        return self._found


def check_servers() -> list[CheckMessage]:
    """Check that Redis, the channel layer and the broker answer, all at the same time."""
    deadline = time.monotonic() + WITHIN
    calls = {"store": _check_store, "layer": _check_layer, "broker": _check_broker}
    probes = [Probe(name, call) for name, call in calls.items()]
    return [message for probe in probes for message in probe.found_by(deadline)]


def _unreachable(name: str, why: str) -> CheckMessage:
    what, setting, id_ = SERVERS[name]
    hint = f"Start the server, or correct {setting}."
    return Warning(f"{what} does not answer: {why.rstrip('.')}.", hint=hint, id=id_)


def _check_store() -> list[CheckMessage]:
    try:
        url = conf.redis_url()
    except ImproperlyConfigured:  # progress.E001 reports it
        return []
    if conf.in_memory() or asyncio.run(_mode(url)) != "cluster":
        return []
    message = "The server of PROGRESS_REDIS_URL is in cluster mode: no event can be stored there."
    hint = (
        "Name a server that is not in cluster mode; one is enough, see docs/scaling.md. "
        "sentinel:// URLs name a primary with replicas."
    )
    return [Error(message, hint=hint, id="progress.E007")]


async def _mode(url: str) -> str:
    """Return the server's mode from INFO; "" if this Redis user may not call INFO."""
    limits = {"socket_timeout": WITHIN, "socket_connect_timeout": WITHIN}
    client = redis_servers.connect(url, **limits)
    info: dict[str, Any] = {}
    try:
        await client.ping()
        with suppress(ResponseError):
            info = await client.info("server")
    finally:
        await redis_servers.close(client)
    return str(info.get("redis_mode") or info.get("server_mode") or "")


def _check_layer() -> list[CheckMessage]:
    if DEFAULT_CHANNEL_LAYER not in channel_layers.configs:  # progress.E004 reports it
        return []
    layer = channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
    if not isinstance(layer, InMemoryChannelLayer):
        asyncio.run(_send(layer))  # closes the layer's connections with its loop
    return []


async def _send(layer: Any) -> None:
    [group, *_] = groups.echo_group_names()
    await layer.group_send(group, groups.echo(group))


def _check_broker() -> list[CheckMessage]:
    if has_broker():
        with current_app.connection_for_write(connect_timeout=WITHIN) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
    return []
