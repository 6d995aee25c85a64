"""Limits for one client: frames and bytes a second, and the number of connections."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from . import conf
from .exceptions import TooManyConnections
from .protocol import Reason

PACE = 64 * 1024  # bytes a second that a connection may receive on average
CREDIT = 8.0  # seconds of unused pace that may be sent in one burst
SLOW_AFTER = 30.0  # seconds that the server may wait to send one frame to a client


class Bucket:
    """A token bucket: permits ``rate`` actions a second, and ``burst`` actions at once.

    Times are seconds by the caller's clock.
    """

    __slots__ = ("_burst", "_full_at", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._full_at = 0.0  # when the whole burst is available again

    def take(self, now: float) -> bool:
        """Take one token; return False if the bucket is empty."""
        full_at = max(self._full_at, now) + 1 / self._rate
        if full_at - now > self._burst / self._rate:
            return False
        self._full_at = full_at
        return True


def paid_until(before: float, size: int, now: float) -> float:
    """Return when the next frame may be sent, after a frame of ``size`` bytes is sent ``now``.

    ``before`` is the last result, and ``-CREDIT`` for a new connection. This limits Daphne's
    buffers: Daphne's ``send`` never waits for a client that does not read, and Daphne closes such a
    connection only after about 50 s, when a pong is 30 s late.
    """
    earliest = now - CREDIT
    return (before if before > earliest else earliest) + size / PACE


class Sockets:
    """The connections of one web process, counted by user and by address."""

    def __init__(self) -> None:
        rate = conf.handshake_rate()
        self.handshakes = Bucket(rate, burst=rate)
        self._limits = {
            Reason.USER_CONNECTIONS: conf.sockets_per_user(),
            Reason.ADDRESS_CONNECTIONS: conf.sockets_per_address(),
        }
        self._counts: Counter[tuple[str, str]] = Counter()

    def add_user(self, user: str) -> None:
        """Count one more connection of a user. Raises TooManyConnections above the limit."""
        self._add(Reason.USER_CONNECTIONS, user)

    def add_address(self, address: str) -> None:
        """Count one more connection of an address. Raises TooManyConnections above the limit."""
        self._add(Reason.ADDRESS_CONNECTIONS, address)

    def discard_user(self, user: str) -> None:
        """Count one connection less for this user."""
        self._discard(Reason.USER_CONNECTIONS, user)

    def discard_address(self, address: str) -> None:
        """Count one connection less for this address."""
        self._discard(Reason.ADDRESS_CONNECTIONS, address)

    def _add(self, kind: Reason, name: str) -> None:
        if self._counts[kind, name] >= self._limits[kind]:
            raise TooManyConnections(kind)
        self._counts[kind, name] += 1

    def _discard(self, kind: Reason, name: str) -> None:
        self._counts[kind, name] -= 1
        if self._counts[kind, name] <= 0:
            with suppress(KeyError):
                del self._counts[kind, name]
