"""Channel layer settings that survive a bad network."""

from __future__ import annotations

import socket
from typing import Any

from .. import redis_servers


def redis_layer(url: str, *more: str, **config: Any) -> dict[str, Any]:
    """Return an entry for CHANNEL_LAYERS: channels_redis' pub/sub layer on the server at ``url``.

        CHANNEL_LAYERS = {"default": redis_layer("redis://localhost:6379/0")}

    Several URLs spread the groups over these servers; give them in the same order in all processes.
    A URL may name Sentinels: ``sentinel://host:26379,host:26379/<name of the primary>/<database>``.
    Keyword arguments go into the layer's CONFIG (``prefix``, ``symmetric_encryption_keys``).
    Raises ImproperlyConfigured for a wrong URL.

    These settings end a half-open connection. With the default settings, keepalive ends it with
    ETIMEDOUT, which the layer mistakes for "no message yet": Channels' own consumers in that
    process receive nothing more. With a health check every 5 s and TCP_USER_TIMEOUT, they recovered
    within 17 s.
    """
    return {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [_host(each) for each in (url, *more)], **config},
    }


def _host(url: str) -> dict[str, Any]:
    host: dict[str, Any] = {
        **_address(url),
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "health_check_interval": 5,
    }
    by_tcp = url.startswith(("redis://", "rediss://", redis_servers.SCHEME))
    if by_tcp and hasattr(socket, "TCP_USER_TIMEOUT"):
        host["socket_keepalive"] = True
        host["socket_keepalive_options"] = {
            socket.TCP_KEEPIDLE: 5,  # seconds
            socket.TCP_KEEPINTVL: 2,  # seconds
            socket.TCP_KEEPCNT: 3,
            socket.TCP_USER_TIMEOUT: 11_000,  # milliseconds
        }
    return host


def _address(url: str) -> dict[str, Any]:
    if not redis_servers.is_sentinel(url):
        return {"address": url}
    parts = redis_servers.parse(url)
    return {
        "sentinels": parts.sentinels,
        "master_name": parts.master_name,
        "sentinel_kwargs": parts.sentinel_kwargs,
        **parts.options,
    }
