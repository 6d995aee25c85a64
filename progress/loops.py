"""A background coroutine that survives errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

TRY_AGAIN = 1.0  # seconds until the next try after an error


async def forever(name: str, step: Callable[[], Awaitable[object]]) -> None:
    """Repeat ``step`` until cancelled. Of several errors in a row, only the first is logged."""
    troubled = False
    task = asyncio.current_task()
    # redis-py sends with wait_for, which may swallow a cancellation before Python 3.12
    # (python/cpython#86296): the step then goes on, and only cancelling() reveals it.
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
