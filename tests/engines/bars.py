"""Bars in a page of any engine: how a script adds them, and what they show."""

import asyncio
import time
from contextlib import suppress

from tests.support.engines import PageError

#: Adds a bar with these attributes to the document, or to the tree that a function returns.
ADD = """(attributes, root = document.body) => {
  const bar = document.createElement("task-progress")
  for (const [name, value] of Object.entries(attributes)) bar.setAttribute(name, value)
  root.append(bar)
}"""
BAR = "document.querySelector('task-progress')"
#: The browsers' console errors when a site cannot be reached.
UNREACHABLE = (
    "WebSocket connection to",  # Chromium
    "Failed to load resource",
    "establish a connection to the server at ws:",  # Firefox
    "The connection to ws:",
    "NetworkError when attempting to fetch",
)


async def shows(window, expected, bar=BAR, *, within=10):
    """Wait until the bar shows this percent and message, such as "50% Running".

    Raises AssertionError with what it shows instead after ``within`` seconds.
    """
    deadline = time.monotonic() + within
    while (text := await shown(window, bar)) != expected:
        assert time.monotonic() < deadline, f"shows {text!r} after {within} s, not {expected!r}"
        await asyncio.sleep(0.05)


async def shown(window, bar=BAR):
    """Return the percent and the message that the bar shows; None while there is no such bar."""
    with suppress(PageError):  # the page is being replaced
        texts = await window.evaluate(f"() => {{ const bar = {bar}; return bar && shown(bar) }}")
        return texts and f"{texts['percent']} {texts['message']}".strip()


async def fired(window, task_id):
    """The names of the events that the task's bars fired, in order, without repetitions."""
    names = await window.evaluate(
        "(id) => fired.filter(({ detail }) => detail.task_id === id).map(({ type }) => type)",
        task_id,
    )
    return [name for name, before in zip(names, [None, *names], strict=False) if name != before]
