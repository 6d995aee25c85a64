"""Connects to a Redis server by its URL, which may name Sentinels instead of the server."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

SCHEME = "sentinel://"
PORT = 26379  # of a Sentinel without a port in the URL
#: Seconds for a Sentinel's reply; shorter than for a server's, to leave time for other Sentinels.
TIMEOUT = 1.0
FORM = (
    "write it as sentinel://host:26379,host:26379/<name of the primary>/<database>, with the "
    "servers' user:password@ before the first host, and if the Sentinels need a password, "
    "?sentinel_username=…&sentinel_password=… at the end"
)
_QUERY = {"sentinel_username": "username", "sentinel_password": "password"}


class SentinelURL(NamedTuple):
    """The parts of a sentinel:// URL."""

    sentinels: list[tuple[str, int]]
    master_name: str
    options: dict[str, Any]  # for connections to the servers: db, username, password
    sentinel_kwargs: dict[str, Any]  # for connections to the Sentinels


def is_sentinel(url: str) -> bool:
    """Return whether the URL names Sentinels instead of a server."""
    return url.startswith(SCHEME)


def parse(url: str) -> SentinelURL:
    """Return the parts of a sentinel:// URL.

    Raises ImproperlyConfigured for a wrong URL; the message contains no password.
    """
    try:
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        sentinels = [_host(each) for each in hosts.split(",")]
    except ValueError:
        raise _wrong("its hosts cannot be parsed") from None
    name, _, database = parts.path.strip("/").partition("/")
    if not name or not (database or "0").isdecimal():
        raise _wrong("it needs the name of the primary, and a number as its database")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := query.keys() - _QUERY:
        raise _wrong(f"its query must not contain {', '.join(sorted(unknown))}")
    username, _, password = credentials.partition(":")
    server = {"username": unquote(username), "password": unquote(password)}
    options = {key: value for key, value in server.items() if value}
    sentinel = {_QUERY[key]: value for key, value in query.items()}
    return SentinelURL(
        sentinels,
        unquote(name),
        {"db": int(database or 0), **options},
        {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, **sentinel},
    )


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("no host")
    return parts.hostname, parts.port or PORT


def _wrong(why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"This sentinel:// URL is wrong: {why}; {FORM}")


def connect(url: str, **options: Any) -> Redis:
    """Return a client of the server at the URL, or of the primary that the Sentinels name.

    ``options`` go to redis-py's connections. A lost connection is renewed, to the server that
    is the primary then. Close the client by :func:`close`. Raises ImproperlyConfigured for a wrong
    sentinel:// URL, and ValueError for another wrong URL.
    """
    if not is_sentinel(url):
        client: Redis = Redis.from_url(url, **options)
        return client
    parts = parse(url)
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        parts.sentinels, sentinel_kwargs=parts.sentinel_kwargs
    )
    pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
        parts.master_name, sentinels, **parts.options, **options
    )
    return Redis.from_pool(pool)


def place(client: Redis) -> Hashable:
    """Return a value that is equal for clients of the same server, whatever their database."""
    pool = client.connection_pool
    kinds: list[dict[str, Any]] = [pool.connection_kwargs]
    name = None
    if isinstance(pool, SentinelConnectionPool):
        name = pool.service_name, pool.is_master
        sentinels = pool.sentinel_manager.sentinels
        kinds = [each.connection_pool.connection_kwargs for each in sentinels]
    addresses = [
        each.get("path") or (each.get("host", "localhost"), int(each.get("port", 6379)))
        for each in kinds
    ]
    return name, frozenset(addresses)


async def close(client: Redis) -> None:
    """Close the client's connections, also those to Sentinels."""
    await client.aclose()
    if isinstance(client.connection_pool, SentinelConnectionPool):
        for each in client.connection_pool.sentinel_manager.sentinels:
            await each.aclose()
