"""Redis servers that Sentinels name: their address in one URL, and clients that find them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

SCHEME = "sentinel://"
PORT = 26379  # of a Sentinel, where the URL says none
#: Seconds for a Sentinel's answer: one that is gone must not cost what the server itself may take.
TIMEOUT = 1.0
FORM = (
    "write it as sentinel://host:26379,host:26379/<name of the primary>/<database>, with "
    "user:password@ of the servers before the first host, and ?sentinel_username=…&"
    "sentinel_password=… of the Sentinels at the end where they ask for them"
)
_QUERY = {"sentinel_username": "username", "sentinel_password": "password"}


class Address(NamedTuple):
    """What a URL says: the Sentinels, the primary's name with them, and what either asks for."""

    sentinels: list[tuple[str, int]]
    master_name: str
    options: dict[str, Any]  # of connections to the servers: db, username, password
    sentinel_kwargs: dict[str, Any]  # of connections to the Sentinels


def is_sentinel(url: str) -> bool:
    """Whether the URL names Sentinels instead of a server."""
    return url.startswith(SCHEME)


def read(url: str) -> Address:
    """The parts of the URL. Raises ImproperlyConfigured, in words that tell no password."""
    try:
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        sentinels = [_host(each) for each in hosts.split(",")]
    except ValueError:
        raise _wrong("its hosts cannot be read") from None
    name, _, database = parts.path.strip("/").partition("/")
    if not name or not (database or "0").isdecimal():
        raise _wrong("it needs the name of the primary, and a number for the database")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := query.keys() - _QUERY:
        raise _wrong(f"it knows no {', '.join(sorted(unknown))}")
    username, _, password = credentials.partition(":")
    said = {"username": unquote(username), "password": unquote(password)}
    options = {key: value for key, value in said.items() if value}
    asked = {_QUERY[key]: value for key, value in query.items()}
    return Address(
        sentinels,
        unquote(name),
        {"db": int(database or 0), **options},
        {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, **asked},
    )


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("no host")
    return parts.hostname, parts.port or PORT


def _wrong(why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"This sentinel:// URL is wrong, {why}: {FORM}")


def connect(url: str, **options: Any) -> Redis:
    """A client of the server at the URL, or of the one that the Sentinels name at the time.

    ``options`` are those of redis-py's connections. A lost connection is renewed to whichever is
    the primary then. To be closed by :func:`close`. Raises ImproperlyConfigured for a wrong URL.
    """
    if not is_sentinel(url):
        client: Redis = Redis.from_url(url, **options)
        return client
    address = read(url)
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        address.sentinels, sentinel_kwargs=address.sentinel_kwargs
    )
    pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
        address.master_name, sentinels, **address.options, **options
    )
    return Redis.from_pool(pool)


def place(client: Redis) -> Hashable:
    """What tells the server that a client speaks to from others, whatever the database."""
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
    """Let go of its connections, those to the Sentinels too."""
    await client.aclose()
    if isinstance(client.connection_pool, SentinelConnectionPool):
        for each in client.connection_pool.sentinel_manager.sentinels:
            await each.aclose()
