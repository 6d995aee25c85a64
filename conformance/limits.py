"""The limits of a client, and how long a check waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one client; these are the defaults. Times are in seconds."""

    at_once: float = 5.0  # until the present state has to be there
    outcome: float = 45.0  # until the longest task is over
    ping: float = 20.0  # of silence after which there is a ping
    first_frame: float = 10.0
    frame: int = 4096  # bytes
    frames_at_once: int = 200
    bad_frames: int = 20
    subscriptions: int = 100
    event: int = 8192  # bytes
