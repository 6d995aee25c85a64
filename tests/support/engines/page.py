"""A window of any engine, and what the engines share."""

import asyncio
import json
import shutil
import time

import pytest

#: The codes of keys that write no character, as in the WebDriver standard.
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c"}

#: A script that collects the page's errors in ``window.pageErrors``, for WebKit, whose driver
#: tells none.
RECORDER = """
if (!window.pageErrors) {
  window.pageErrors = []
  const note = (text) => pageErrors.push(String(text))
  const words = ({ message, target }) => message ?? `not loaded: ${target.src ?? target.href}`
  addEventListener("error", (event) => note(words(event)), true)
  addEventListener("unhandledrejection", ({ reason }) => note(reason))
  const { error } = console
  console.error = (...texts) => (note(texts.join(" ")), error.apply(console, texts))
}
"""

#: Calls a function of the page; arguments and results are JSON.
CALL = "async (given) => JSON.stringify((await (%s)(JSON.parse(given))) ?? null)"


class PageError(Exception):
    """A function of the page threw, or the page went away before the function returned."""


class Window:
    """One window of a browser. Its subclasses speak with one engine each."""

    async def goto(self, url):
        """Load the address, and wait until the page's ``load`` event."""
        raise NotImplementedError

    async def evaluate(self, function, argument=None):
        """Call a JavaScript function with one argument, await its promise, return the result.

        Argument and result are JSON values; undefined becomes None. Raises PageError with the
        page's error.
        """
        raise NotImplementedError

    async def screenshot(self):
        """Return the visible part of the page as a PNG file."""
        raise NotImplementedError

    async def print(self):
        """Return the page as a PDF file; WebKitGTK's driver cannot."""
        raise NotImplementedError

    async def resize(self, width, height):
        """Change the size of the viewport, in CSS pixels; WebKit's is at least 450 pixels wide."""
        raise NotImplementedError

    async def press(self, key):
        """Press and release a key: a character, or a name of ``KEYS``."""
        raise NotImplementedError

    async def click(self, x, y):
        """Click at this point of the viewport, in CSS pixels."""
        raise NotImplementedError

    async def back(self):
        """Go back in the history, as the button does; the page may still load afterwards."""
        raise NotImplementedError

    async def close(self):
        raise NotImplementedError

    async def read_errors(self):
        """Collect the page's errors, in engines that do not send them."""

    async def until(self, function, argument=None, *, within=10):
        """Call the function until it returns something true; return that.

        Raises TimeoutError after ``within`` seconds. The page may be replaced meanwhile.
        """
        deadline = time.monotonic() + within
        while True:
            try:
                last = await self.evaluate(function, argument)
            except PageError as error:
                last = error
            else:
                if last:
                    return last
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {within} s: {function} (the last answer: {last})")
            await asyncio.sleep(0.05)

    async def click_on(self, function, argument=None):
        """Click in the middle of the element that the function returns."""
        middle = f"""async (given) => {{
          const element = await ({function})(given)
          element.scrollIntoView({{ block: "nearest" }})
          const {{ x, y, width, height }} = element.getBoundingClientRect()
          return [x + width / 2, y + height / 2]
        }}"""
        await self.click(*await self.evaluate(middle, argument))


def called(function):
    """The function as one that takes and returns JSON text."""
    return CALL % function


def given(argument):
    """The JSON text of an argument."""
    return json.dumps(argument)


def pressed(key):
    """The W3C actions that press and release the key."""
    value = KEYS.get(key, key)
    strokes = [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
    return [{"type": "key", "id": "keyboard", "actions": strokes}]


def clicked(x, y):
    """The W3C actions that click at the point."""
    moves = [
        {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0},
        {"type": "pointerDown", "button": 0},
        {"type": "pointerUp", "button": 0},
    ]
    return [{"type": "pointer", "id": "mouse", "actions": moves}]


def program(what, names, package):
    """The path of an installed program; fails the test if there is none."""
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.fail(
            f"This test needs {what}, and PATH has no {' or '.join(names)}. "
            f"Install it: make browsers, or apt-get install {package}",
            pytrace=False,
        )
    return path
