"""How much one client may take: frames and bytes a second, and how many connections."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from . import conf
from .exceptions import TooManyConnections
from .protocol import Reason

PACE = 64 * 1024  # bytes a second that a connection is sent in the long run
CREDIT = 8.0  # seconds of unused pace that may be sent at once
SLOW_AFTER = 30.0  # seconds that a client may keep a frame waiting, where the server notices that


class Bucket:
    """Permits so many a second, and a burst of them at once.

    Times are the caller's clock, in seconds.
    """

    __slots__ = ("_burst", "_full_at", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._full_at = 0.0  # when the whole burst is there again

    def take(self, now: float) -> bool:
        """Take one; False when there is none left."""
        full_at = max(self._full_at, now) + 1 / self._rate
        if full_at - now > self._burst / self._rate:
            return False
        self._full_at = full_at
        return True


def paid_until(before: float, size: int, now: float) -> float:
    """When a connection may be sent more, after a frame of ``size`` bytes; ``-CREDIT`` at first.

    Daphne's ``send`` never waits: it buffers what a client does not read, until the client owes
    it a pong for 30 s, 50 s after it last read. This bounds the buffer.
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
        """Count one more connection. Raises TooManyConnections, and counts nothing then."""
        self._add(Reason.USER_CONNECTIONS, user)

    def add_address(self, address: str) -> None:
        """Count one more connection. Raises TooManyConnections, and counts nothing then."""
        self._add(Reason.ADDRESS_CONNECTIONS, address)

    def discard_user(self, user: str) -> None:
        """Count one less."""
        self._discard(Reason.USER_CONNECTIONS, user)

    def discard_address(self, address: str) -> None:
        """Count one less."""
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
