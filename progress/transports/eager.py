"""Starts coroutines without a task, so that only a coroutine that must wait needs a task.

It is like Python 3.12's eager tasks, but works on 3.11, and makes no task if nothing waits.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import tasks
from collections.abc import Awaitable, Coroutine, Generator
from functools import cache, partial
from types import CoroutineType
from typing import Any

logger = logging.getLogger(__name__)

#: Private functions of asyncio, documented for third-party task implementations.
PARTS = ("_enter_task", "_leave_task")
COST = "each frame of a websocket is sent by a task of its own, which takes about 20 µs more"
NOT_BEGUN = object()  # stands for a coroutine that has not begun


def missing() -> str | None:
    """Return the first private part of asyncio that this Python lacks, or None."""
    return next((f"asyncio.tasks.{name}" for name in PARTS if not hasattr(tasks, name)), None)


@cache
def _log_missing() -> None:
    logger.warning("%s is missing in this Python: %s", missing(), COST)


class Begun:
    """The rest of a coroutine that waits; await it once, in a task."""

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def close(self) -> None:
        """Close the coroutine if it was never awaited."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        if waits_for is NOT_BEGUN:
            yield from self._coroutine.__await__()
            return
        while True:
            try:
                yield waits_for
            except BaseException as error:  # includes CancelledError
                step = partial(self._coroutine.throw, error)
            else:
                step = partial(self._coroutine.send, None)
            try:
                waits_for = step()
            except StopIteration:
                return


def begin(awaitable: Awaitable[None], owner: asyncio.Task[Any]) -> Begun | None:
    """Run the awaitable until it waits; return the rest of it, or None if it has ended.

    Call it from a callback of the event loop, where no task runs. While it runs, ``owner`` is the
    current task, so that ``asyncio.timeout()`` works inside. Raises what the awaitable raises.
    Without asyncio's private functions it runs nothing, and the rest is the whole awaitable.
    """
    coroutine = awaitable if type(awaitable) is CoroutineType else _awaited(awaitable)
    try:
        enter, leave = tasks._enter_task, tasks._leave_task
    except AttributeError:
        _log_missing()
        return Begun(coroutine, NOT_BEGUN)
    loop = owner.get_loop()
    enter(loop, owner)
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        return None
    finally:
        leave(loop, owner)
    return Begun(coroutine, waits_for)


async def _awaited(awaitable: Awaitable[None]) -> None:
    # The awaitable of a server in another language may lack `send`.
    await awaitable
