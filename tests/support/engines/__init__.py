"""Drives three browser engines through one interface: Chromium, Firefox and WebKitGTK."""

from contextlib import asynccontextmanager

from tests.support.engines.chromium import Chromium
from tests.support.engines.firefox import Firefox
from tests.support.engines.page import PageError, Window
from tests.support.engines.webkit import WebKit

__all__ = ["ENGINES", "PageError", "Window", "started", "windows"]

#: The engines by name. Each has ``running(folder)``, a context manager that starts and ends it,
#: and afterwards its ``folder``, by which ``machine`` finds its processes.
ENGINES = {"chromium": Chromium, "firefox": Firefox, "webkit": WebKit}


@asynccontextmanager
async def started(name, folder):
    """Start an engine; end it and all its processes when the block ends.

    Its logs and its profile go to the folder. Fails the test if the browser is not installed.
    """
    async with ENGINES[name].running(folder) as engine:
        yield engine


@asynccontextmanager
async def windows(engine, expected=()):
    """Give a function that opens windows with a fresh profile; close them all at the end.

    The windows of one block share cookies, storage and locks, and each of them is visible.

    Raises AssertionError if a page had an error in its console that contains no text of
    ``expected``. In WebKit, that covers only pages that load ``page.RECORDER`` themselves or were
    loaded by ``goto``, and there only what comes after the load.
    """
    opened, complaints = [], []
    async with engine.profile(complaints) as open_window:

        async def tracked():
            opened.append(await open_window())
            return opened[-1]

        yield tracked
        for window in opened:
            await window.read_errors()
    unexpected = [line for line in complaints if not any(words in line for words in expected)]
    assert not unexpected, unexpected
