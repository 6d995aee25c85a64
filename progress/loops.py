"""A background coroutine that goes on after errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

logger = logging.getLogger("progress")

TRY_AGAIN = 1.0  # seconds until the next try, when Redis or the layer does not answer


async def forever(name: str, step: Callable[[], Awaitable[object]]) -> None:
    """Repeat ``step``; when it raises, say so once until it works again, and try on."""
    troubled = False
    task = asyncio.current_task()
    # Until Python 3.12 wait_for, which redis-py sends with, may swallow a cancellation
    # (python/cpython#86296): then the step goes on, and only the count tells.
    while task is None or not task.cancelling():
        try:
            await step()
        except Exception as error:
            if not troubled:
                expected = isinstance(error, RedisError | OSError)
                logger.warning("%s: %r", name, error, exc_info=not expected)
            troubled = True
            await asyncio.sleep(TRY_AGAIN)
        else:
            troubled = False
