"""The groups that a process is in, on a channel layer instance of its own, and what arrives."""

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
from .groups import Change, Echo
from .receivers import open_receiver

logger = logging.getLogger("progress")

ECHO_WITHIN = 4.0  # seconds until what the link sends to itself must have arrived
CLOSE_WITHIN = 5.0  # seconds a link that is given up may take to let go


class Link:
    """Opens at the first :meth:`add`; called with what arrives: ``heard`` and ``changed``.

    ``renewed`` is called when a connection broke and is there again: what was sent between is
    lost. The layer instance is no other's, so that a link that went deaf can be thrown away whole.
    Its methods raise the layer's own errors; on Redis, after the socket timeout of its settings.
    """

    def __init__(
        self,
        heard: Callable[[Event], None],
        changed: Callable[[Change], None],
        renewed: Callable[[], None],
    ) -> None:
        layer = channel_layers[DEFAULT_CHANNEL_LAYER]
        if not isinstance(layer, InMemoryChannelLayer):  # that one has to be shared
            layer = channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
        self._layer: Any = layer
        self._receiver = open_receiver(layer, self._receive, renewed)
        self._heard = heard
        self._changed = changed
        self._echo_groups = groups.echo_group_names()
        self._unheard: set[str] = set()  # the echo groups that a probe waits for
        self._echoed = asyncio.Event()
        self._is_open = False
        self.members: set[str] = set()

    async def add(self, task_id: str) -> None:
        """Be in this task's group."""
        if task_id not in self.members:
            if not self._is_open:
                for group in (*self._echo_groups, groups.rights_group_name()):
                    await self._receiver.join(group)
                self._is_open = True
            await self._receiver.join(groups.group_name(task_id))
            self.members.add(task_id)

    async def discard(self, task_id: str) -> None:
        """Be out of it."""
        if task_id in self.members:
            await self._receiver.leave(groups.group_name(task_id))
            self.members.discard(task_id)

    async def is_deaf(self) -> bool:
        """Whether what is sent to a group of ours is not taken in time, or not back within 4 s.

        There is one such group on each server of the layer, since one may be deaf while others
        hear. A server that is away raises its error, if no other is deaf.
        """
        if not self._is_open:
            return False
        self._unheard = set(self._echo_groups)
        self._echoed.clear()
        sent = await asyncio.gather(*map(self._echo, self._echo_groups), return_exceptions=True)
        errors = [each for each in sent if each is not None]
        try:
            if self._unheard:
                await asyncio.wait_for(self._echoed.wait(), ECHO_WITHIN)
        except TimeoutError:
            return True
        if errors and not any(isinstance(each, RedisTimeoutError) for each in errors):
            raise errors[0]
        return bool(errors)

    async def _echo(self, group: str) -> None:
        try:
            await self._layer.group_send(group, groups.echo(group))
        except Exception:
            self._heard_echo(group)  # is not coming
            raise

    def _heard_echo(self, group: str) -> None:
        self._unheard.discard(group)
        if not self._unheard:
            self._echoed.set()

    async def close(self) -> None:
        """Be out of all groups and let go of the connections, as far as Redis answers in 5 s."""
        with suppress(Exception):  # it is given up because it does not work
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._receiver.aclose()

    def _receive(self, message: Any) -> None:
        try:
            arrived = groups.read(message)
        except ValueError as error:
            logger.info("Somebody else sends to our groups: %s", error)
            return
        if isinstance(arrived, Event):
            self._heard(arrived)
        elif isinstance(arrived, Echo):
            self._heard_echo(arrived.group)
        else:
            self._changed(arrived)
