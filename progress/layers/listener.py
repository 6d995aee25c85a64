"""Joins groups on a channel layer instance of its own, and receives their messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import InMemoryChannelLayer, channel_layers
from redis.exceptions import TimeoutError as RedisTimeoutError

from ..events import Event
from . import groups
from .groups import Echo, RightsChange
from .receivers import open_receiver

logger = logging.getLogger(__name__)

ECHO_WITHIN = 4.0  # seconds until a listener's message to itself must have arrived
CLOSE_WITHIN = 5.0  # seconds that closing a listener may take


class Listener:
    """Calls ``on_event`` and ``on_rights_change`` for the messages to the groups it has joined.

    It connects at the first :meth:`join`. ``on_renewal`` is called after a lost connection was
    replaced, since messages sent in between are lost. The listener has a layer instance of its own,
    so both can be replaced together when no messages arrive any more. Its methods raise the layer's
    errors; on Redis, after the socket timeout of the layer's settings.
    """

    def __init__(
        self,
        on_event: Callable[[Event], None],
        on_rights_change: Callable[[RightsChange], None],
        on_renewal: Callable[[], None],
    ) -> None:
        layer = channel_layers[DEFAULT_CHANNEL_LAYER]
        if not isinstance(layer, InMemoryChannelLayer):  # an in-memory layer must be shared
            layer = channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
        self._layer: Any = layer
        self._receiver = open_receiver(layer, self._receive, on_renewal)
        self._on_event = on_event
        self._on_rights_change = on_rights_change
        self._echo_groups = groups.echo_group_names()
        self._missing_echoes: set[str] = set()
        self._all_echoed = asyncio.Event()
        self._is_open = False
        self.task_ids: set[str] = set()  # the tasks whose groups it has joined

    async def join(self, task_id: str) -> None:
        """Join this task's group."""
        if task_id not in self.task_ids:
            if not self._is_open:
                for group in (*self._echo_groups, groups.rights_group_name()):
                    await self._receiver.join(group)
                self._is_open = True
            await self._receiver.join(groups.group_name(task_id))
            self.task_ids.add(task_id)

    async def leave(self, task_id: str) -> None:
        """Leave this task's group."""
        if task_id in self.task_ids:
            await self._receiver.leave(groups.group_name(task_id))
            self.task_ids.discard(task_id)

    async def is_deaf(self) -> bool:
        """Return whether a message that it sends to itself gets lost, or takes more than 4 s.

        It sends one message through each server of the layer, since one connection may be half open
        while the others work. If no message gets lost but a server refuses connections, raises that
        server's error.
        """
        if not self._is_open:
            return False
        self._missing_echoes = set(self._echo_groups)
        self._all_echoed.clear()
        sent = await asyncio.gather(
            *map(self._send_echo, self._echo_groups), return_exceptions=True
        )
        errors = [each for each in sent if each is not None]
        try:
            if self._missing_echoes:
                await asyncio.wait_for(self._all_echoed.wait(), ECHO_WITHIN)
        except TimeoutError:
            return True
        if errors and not any(isinstance(each, RedisTimeoutError) for each in errors):
            raise errors[0]
        return bool(errors)

    async def _send_echo(self, group: str) -> None:
        try:
            await self._layer.group_send(group, groups.echo(group))
        except Exception:
            self._receive_echo(group)  # it was not sent: do not wait for it
            raise

    def _receive_echo(self, group: str) -> None:
        self._missing_echoes.discard(group)
        if not self._missing_echoes:
            self._all_echoed.set()

    async def close(self) -> None:
        """Leave all groups and close the connections, for 5 s at most. Raises nothing."""
        with suppress(Exception):  # a listener that is closed often does not work
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._receiver.aclose()

    def _receive(self, message: Any) -> None:
        try:
            content = groups.parse(message)
        except ValueError as error:
            logger.info("Ignored a message in a progress group: %s", error)
            return
        if isinstance(content, Event):
            self._on_event(content)
        elif isinstance(content, Echo):
            self._receive_echo(content.group)
        else:
            self._on_rights_change(content)
