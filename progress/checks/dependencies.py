"""Checks that the installed dependencies have the private parts that the fast paths use."""

from __future__ import annotations

from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name

from ..layers import private_parts
from ..transports import eager

HINT = (
    "Everything works, only slower. Install the release that was current when this package was "
    "released, or a newer release of this package."
)


def check_private_parts() -> list[CheckMessage]:
    """Warn about missing private parts of channels_redis, redis-py and asyncio."""
    missing = private_parts.missing()
    if (name := eager.missing()) is not None:
        missing.append(private_parts.Missing(name, eager.COST))
    return [
        Warning(
            f"{name} is missing in the installed release: {cost}.", hint=HINT, id="progress.W003"
        )
        for name, cost in missing
    ]
