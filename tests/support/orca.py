"""The screen reader Orca on a virtual screen, and the browsers that it reads."""

import asyncio
import os
import re
import subprocess
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager

from playwright.async_api import async_playwright

from tests.support.browser import ARGS
from tests.support.engines.firefox import Firefox
from tests.support.engines.page import program
from tests.support.engines.webkit import Screen
from tests.support.processes import Part

#: Orca imports this file when it starts. Without it the log lags behind the speech.
CUSTOM = "from orca import debug\ndebug.debugFile.reconfigure(line_buffering=True)\n"
SPEECH = re.compile(r"SPEECH OUTPUT: '(.*?) ?'(?: voice|\{|$| )", re.MULTILINE)
SILENCE = 1.5  # seconds without speech after which Orca has said all


class Orca:
    """A running Orca, whose speech is read from its log."""

    def __init__(self, log):
        self._log = log
        self._heard = 0

    @classmethod
    @contextmanager
    def running(cls, folder):
        """Start a screen, a window manager and Orca; later programs open their windows there.

        Orca does not start while another one runs for the same user.
        """
        (folder / "orca").mkdir()
        (folder / "orca" / "orca-customizations.py").write_text(CUSTOM)
        log = folder / "speech.log"
        command = [program("Orca", ["orca"], "orca"), "--debug-file", log]
        with ExitStack() as stack:
            screen = stack.enter_context(Screen(folder, program("Xvfb", ["Xvfb"], "xvfb")))
            os.environ |= dict.fromkeys(["HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"], str(folder))
            os.environ |= {"DISPLAY": screen.name, "LC_ALL": "C.UTF-8", "GNOME_ACCESSIBILITY": "1"}
            manager = program("a window manager", ["openbox"], "openbox")
            stack.enter_context(Part(folder, "openbox", [manager]))
            part = stack.enter_context(Part(folder, "orca", command))
            part.wait_for(lambda: log.exists() and SPEECH.search(log.read_text()))
            yield cls(log)

    async def said(self):
        """Wait until Orca is silent; return the lines that it has said since the last call."""
        last, deadline = None, 0
        while last is None or time.monotonic() < deadline:
            if (lines := SPEECH.findall(self._log.read_text())) != last:
                last, deadline = lines, time.monotonic() + SILENCE
            await asyncio.sleep(0.1)
        fresh, self._heard = last[self._heard :], len(last)
        return fresh


def press(key):
    """Press a key of the keyboard, which Orca sees before the browser does."""
    subprocess.run(["xdotool", "key", key], check=True)


def click():
    """Click in the lower half of the page, so that the keyboard acts on it."""
    subprocess.run(["xdotool", "mousemove", "500", "550", "click", "1"], check=True)


class Shown(Firefox):
    """A Firefox with a window: no screen reader sees a headless one."""

    @staticmethod
    def _command(folder, preferences):
        return [word for word in Firefox._command(folder, preferences) if word != "--headless"]


@asynccontextmanager
async def firefox(folder):
    """Open a window of Firefox; give the function that loads an address."""
    async with Shown.running(folder) as engine, engine.profile([]) as open_window:
        yield (await open_window()).goto


@asynccontextmanager
async def chromium(_folder):
    """Open a window of Chromium; give the function that loads an address."""
    path = program("Chromium", ["chromium"], "chromium")
    args = [*ARGS, "--force-renderer-accessibility"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, headless=False, args=args)
        yield (await browser.new_page()).goto
        await browser.close()
