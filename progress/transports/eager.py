"""Coroutines that are begun outside of a task, and are given one only when they have to wait.

What Python 3.12 calls an eager task, also for 3.11, and without a task for what never waits.
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

#: Private parts of asyncio, which its documentation names for tasks of other makes.
PARTS = ("_enter_task", "_leave_task")
COST = "each frame of a websocket is sent by a task of its own, which takes about 20 µs more"
NOT_BEGUN = object()  # in the place of what a coroutine waits for


def missing() -> str | None:
    """Return the first private part of asyncio that this Python lacks, or None."""
    return next((f"asyncio.tasks.{name}" for name in PARTS if not hasattr(tasks, name)), None)


@cache
def _log_missing() -> None:
    logger.warning("%s is missing in this Python: %s", missing(), COST)


class Begun:
    """The rest of a coroutine that waits; to be awaited, once, in a task."""

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def close(self) -> None:
        """End it where it waits, when nobody awaited it; nothing otherwise."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        if waits_for is NOT_BEGUN:
            yield from self._coroutine.__await__()
            return
        while True:
            try:
                yield waits_for
            except BaseException as error:  # a task that is cancelled, too
                step = partial(self._coroutine.throw, error)
            else:
                step = partial(self._coroutine.send, None)
            try:
                waits_for = step()
            except StopIteration:
                return


def begin(awaitable: Awaitable[None], owner: asyncio.Task[Any]) -> Begun | None:
    """Run it until it waits, as if in the task ``owner``: the rest of it, or None if that is none.

    To be called where no task runs, from a callback of the loop. ``owner`` is what the coroutine
    finds as the current task, and may put a time limit on. Raises what the coroutine raises.
    Without asyncio's private parts nothing is run yet: the rest is all of it.
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
    # What a server in another language gives may have no `send`.
    await awaitable
