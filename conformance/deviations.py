"""Known deviations of servers and frameworks, with the evidence."""

from __future__ import annotations

from typing import NamedTuple

from .run import Result, Verdict


class Deviation(NamedTuple):
    """Checks that fail in a column for a reason outside this project, with the evidence."""

    columns: tuple[str, ...]
    checks: tuple[str, ...]
    reason: str


DEVIATIONS = (
    Deviation(
        ("Hypercorn",),
        ("Frames are not compressed on request either, against decompression bombs",),
        "Hypercorn 0.18 accepts `permessage-deflate` from whoever offers it, and has no option "
        "against it: `hypercorn/protocol/ws_stream.py`, line 111. A proxy can strip "
        "`Sec-WebSocket-Extensions` from handshakes.",
    ),
    Deviation(
        ("Litestar",),
        ("At an unknown address, the handshake is refused or closed with 4404",),
        "Litestar 2.25 ends each path of a mount with a slash, so `…/<id>` is the task's address "
        "there: `litestar/_asgi/routing_trie/traversal.py`, line 160.",
    ),
)


def deviation(column: str, check: str) -> Deviation | None:
    """The known deviation of this cell, if there is one."""
    found = (each for each in DEVIATIONS if column in each.columns and check in each.checks)
    return next(found, None)


def unexplained(column: str, results: list[Result]) -> list[str]:
    """A line for each unexplained failure, and for each deviation that has vanished."""
    lines = []
    for check, verdict, why, _ in results:
        known = deviation(column, check.name)
        if verdict is not Verdict.OK and known is None:
            lines.append(f"{verdict}: {check.name}: {why}")
        if verdict is Verdict.OK and known is not None:
            lines.append(f"holds, and is said not to: {check.name}")
    return lines
