"""WebKitGTK's MiniBrowser on a virtual screen, driven by WebDriver over HTTP."""

import asyncio
import base64
import json
import re
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.support.engines.page import (
    RECORDER,
    PageError,
    Window,
    called,
    clicked,
    given,
    pressed,
    program,
)
from tests.support.ports import free_port, listens
from tests.support.processes import Part

TIMEOUT = 120  # seconds for one command, as long as a test may take
START = 30  # seconds; the driver does not notice that MiniBrowser failed
#: GTK reads this; WebKit then prefers reduced motion. Animations take CPU time that the tests need.
STILL = "[Settings]\ngtk-enable-animations=0\n"


class WebKit:
    """WebKitWebDriver, which starts a MiniBrowser for each profile."""

    name = "webkit"

    def __init__(self, driver, part, folder):
        self.driver = driver
        self.part = part
        self.folder = folder
        self.version = None

    @classmethod
    @asynccontextmanager
    async def running(cls, folder):
        driver = program("WebKitGTK's driver", ["WebKitWebDriver"], "webkit2gtk-driver")
        screen = program("a virtual screen", ["Xvfb"], "xvfb")
        port = free_port()
        settings = folder / "config" / "gtk-3.0"
        settings.mkdir(parents=True)
        (settings / "settings.ini").write_text(STILL)
        homes = {"HOME": folder, "XDG_CONFIG_HOME": folder / "config", "XDG_RUNTIME_DIR": folder}
        # GTK would start a session bus and a bus for screen readers, and leave both running.
        homes |= {"DBUS_SESSION_BUS_ADDRESS": "disabled:", "NO_AT_BRIDGE": "1"}
        with (
            Screen(folder, screen) as display,
            Part(folder, "webkit", [driver, "-p", port], DISPLAY=display.name, **homes) as part,
        ):
            part.wait_for(lambda: listens(port))
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=address, timeout=TIMEOUT) as client:
                yield cls(client, part, folder)

    @asynccontextmanager
    async def profile(self, complaints):
        try:
            async with asyncio.timeout(START):
                session = await Session.begun(self.driver, complaints)
        except TimeoutError:
            pytest.fail(f"MiniBrowser did not start: {self.part.log.read_text()}", pytrace=False)
        self.version = session.version
        try:
            yield session.open
        finally:
            await session.end()


class Screen(Part):
    """A virtual screen; ``name`` is what programs find it by."""

    def __init__(self, folder, path):
        # Without a number Xvfb takes the first one that is free, and writes it to its output.
        command = [path, "-displayfd", "1", "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
        super().__init__(folder, "screen", command)
        self.name = None

    def start(self):
        super().start()
        number = re.compile(r"^\d+\n", re.MULTILINE)  # complaints about taken numbers precede it
        self.wait_for(lambda: number.search(self.log.read_text()))
        self.name = f":{number.search(self.log.read_text())[0].strip()}"


class Session:
    """One MiniBrowser. Its commands go to one window at a time, so one waits for another."""

    def __init__(self, driver, answer, complaints):
        self._driver = driver
        self._id = answer["sessionId"]
        self.version = answer["capabilities"]["browserVersion"]
        self.complaints = complaints
        self._lock = asyncio.Lock()
        self.current = None
        self._first = None

    @classmethod
    async def begun(cls, driver, complaints):
        answer = await send(driver, "POST", "/session", {"capabilities": {}})
        session = cls(driver, answer, complaints)
        await session.ask("POST", "timeouts", {"script": TIMEOUT * 1000})
        [session._first] = await session.ask("GET", "window/handles")
        return session

    async def open(self):
        handle, self._first = self._first, None
        if handle is None:
            handle = (await self.ask("POST", "window/new", {"type": "window"}))["handle"]
        return WebKitWindow(self, handle)

    async def ask(self, method, path, body=None, window=None):
        """Send a command, for a window if one is given; return the answer's value."""
        async with self._lock:
            if window not in {None, self.current}:
                await self._send("POST", "window", {"handle": window})
                self.current = window
            return await self._send(method, path, body)

    async def _send(self, method, path, body):
        return await send(self._driver, method, f"/session/{self._id}/{path}", body)

    async def end(self):
        await send(self._driver, "DELETE", f"/session/{self._id}")


async def send(driver, method, path, body=None):
    """Send a command to the driver; return the answer's value."""
    answer = await driver.request(method, path, json=body)
    value = answer.json()["value"]
    if answer.is_error:
        raise PageError(f"{value['error']}: {value['message']}")
    return value


class WebKitWindow(Window):
    """A window."""

    def __init__(self, session, handle):
        self._session = session
        self._handle = handle
        self._closed = False

    async def _ask(self, method, path, body=None):
        return await self._session.ask(method, path, body, self._handle)

    async def _run(self, script, *arguments):
        body = {"script": script, "args": arguments}
        return await self._ask("POST", "execute/sync", body)

    async def goto(self, url):
        await self.read_errors()
        await self._ask("POST", "url", {"url": url})
        await self._run(RECORDER)

    async def evaluate(self, function, argument=None):
        script = f"return ({called(function)})(arguments[0])"
        return json.loads(await self._run(script, given(argument)))

    async def read_errors(self):
        if self._closed:
            return
        self._session.complaints += await self._run("return window.pageErrors?.splice(0) ?? []")

    async def screenshot(self):
        return base64.b64decode(await self._ask("GET", "screenshot"))

    async def resize(self, width, height):
        inner = await self._run("return [innerWidth, innerHeight]")
        outer = await self._ask("GET", "window/rect")
        size = {
            "width": width + outer["width"] - inner[0],
            "height": height + outer["height"] - inner[1],
        }
        await self._ask("POST", "window/rect", size)

    async def press(self, key):
        await self._ask("POST", "actions", {"actions": pressed(key)})

    async def click(self, x, y):
        await self._ask("POST", "actions", {"actions": clicked(x, y)})

    async def back(self):
        await self.read_errors()
        await self._ask("POST", "back", {})

    async def close(self):
        await self.read_errors()
        self._closed = True
        await self._ask("DELETE", "window")
        self._session.current = None
