"""Checks for the private parts of channels_redis and redis-py that the fast paths use."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from channels_redis import pubsub
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.asyncio import Connection

logger = logging.getLogger(__name__)

#: What happens without the private parts; docs/design.md has the measurements.
SENDING = "storing and sending an event takes two commands instead of one"
RECEIVING = "an event costs a web process about 80 µs instead of 40 µs"

LAYER = ("_shards", "_get_shard", "_get_group_channel_name")
SHARD = ("host", "_lock", "_ensure_redis", "_redis")
CONNECTION = ("_reader",)

_logged: set[str] = set()  # missing parts that this process has logged


class Missing(NamedTuple):
    """A private part that the installed release lacks, and what that costs."""

    name: str
    cost: str


def serves(layer: Any, cost: str) -> bool:
    """Return whether the layer is channels_redis' pub/sub layer with the private parts we use.

    Logs the first missing part once per process, with its ``cost``.
    """
    if not isinstance(layer, RedisPubSubChannelLayer):
        return False
    # The layer forwards unknown attributes to its object for the running event loop.
    return report_missing(_first_missing_of_layer(layer), cost)


def report_missing(name: str | None, cost: str) -> bool:
    """Log the missing part once per process. Return True if no part is missing (None)."""
    if name is not None and name not in _logged:
        _logged.add(name)
        logger.warning("%s is missing in this release: %s", name, cost)
    return name is None


def missing_in(connection: Any) -> str | None:
    """Return the first private part that this connection of redis-py lacks, or None."""
    return _first_missing("redis.asyncio.Connection", connection, CONNECTION)


def missing() -> list[Missing]:
    """Return the private parts that the installed releases lack. Needs no server."""
    layer_part = _first_missing_of_installed_layer()
    connection_part = missing_in(Connection())
    found = []
    if layer_part is not None:
        found.append(Missing(layer_part, SENDING))
    if layer_part or connection_part:
        found.append(Missing(layer_part or connection_part or "", RECEIVING))
    return found


def _first_missing_of_installed_layer() -> str | None:
    layer = getattr(pubsub, "RedisPubSubLoopLayer", None)
    if layer is None:
        return "channels_redis.pubsub.RedisPubSubLoopLayer"
    return _first_missing_of_layer(layer(hosts=["redis://localhost"]))


def _first_missing_of_layer(layer: Any) -> str | None:
    owner = "channels_redis.pubsub.RedisPubSubLoopLayer"
    shard = "channels_redis.pubsub.RedisSingleShardConnection"
    return _first_missing(owner, layer, LAYER) or _first_missing(shard, layer._shards[0], SHARD)


def _first_missing(owner: str, of: Any, names: tuple[str, ...]) -> str | None:
    return next((f"{owner}.{name}" for name in names if not hasattr(of, name)), None)
