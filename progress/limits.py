"""How much one client may take: frames and bytes a second, and how many sockets."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from . import conf

PACE = 64 * 1024  # bytes a second that a socket is sent in the long run
CREDIT = 8.0  # seconds of unused pace that may be sent at once
SLOW_AFTER = 30.0  # seconds that a client may keep a frame waiting, where the server tells


class Bucket:
    """So many a second, and a burst of them at once. Times are the caller's clock, in seconds."""

    __slots__ = ("_burst", "_full_at", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._full_at = 0.0  # when nothing is taken any more

    def take(self, now: float) -> bool:
        """Take one; False when there is none left."""
        full_at = max(self._full_at, now) + 1 / self._rate
        if full_at - now > self._burst / self._rate:
            return False
        self._full_at = full_at
        return True


def paid_until(before: float, size: int, now: float) -> float:
    """Until when a socket's pace is used up with a frame of so many bytes; ``-CREDIT`` at first.

    Daphne's ``send`` never waits: it keeps what a client does not read, until the client owes it
    a pong for 30 s, which is 50 s after it last read. What goes into that is bounded here.
    """
    earliest = now - CREDIT
    return (before if before > earliest else earliest) + size / PACE


class Sockets:
    """The sockets of one web process, counted by user and by address."""

    def __init__(self) -> None:
        rate = conf.handshake_rate()
        self.handshakes = Bucket(rate, burst=rate)
        self._most = {"user": conf.sockets_per_user(), "address": conf.sockets_per_address()}
        self._counts: Counter[tuple[str, str]] = Counter()

    def enter(self, kind: str, name: str | None) -> bool:
        """One more of this "user" or "address"; False, and not counted, when that is too many."""
        if name is None:
            return True
        if self._counts[kind, name] >= self._most[kind]:
            return False
        self._counts[kind, name] += 1
        return True

    def leave(self, kind: str, name: str | None) -> None:
        """One less."""
        if name is not None:
            self._counts[kind, name] -= 1
            if self._counts[kind, name] <= 0:
                with suppress(KeyError):
                    del self._counts[kind, name]
