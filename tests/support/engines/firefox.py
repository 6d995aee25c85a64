"""Firefox, driven over WebDriver BiDi: JSON commands on a websocket of the browser itself."""

import asyncio
import base64
import itertools
import json
import re
from contextlib import asynccontextmanager

import websockets

from tests.support.engines.page import PageError, Window, called, clicked, given, pressed, program
from tests.support.processes import Part

NAMES = ("firefox-esr", "firefox")
#: Firefox itself sets what a driven browser needs. Animations take CPU time that the tests need.
PREFERENCES = {"ui.prefersReducedMotion": 1, "dom.disable_open_during_load": False}
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


class Firefox:
    """A headless Firefox with a profile of its own."""

    name = "firefox"

    def __init__(self, link, folder, version):
        self.link = link
        self.folder = folder
        self.version = version

    @classmethod
    @asynccontextmanager
    async def running(cls, folder, preferences=()):
        """Start it; ``preferences`` are added to those of about:config."""
        command = cls._command(folder, dict(preferences))
        # Its helper for crash reports may outlive it.
        quiet = {"MOZ_CRASHREPORTER_DISABLE": "1", "NO_AT_BRIDGE": "1"}
        with Part(folder, "firefox", command, HOME=folder, **quiet) as part:
            part.wait_for(lambda: LISTENING.search(part.log.read_text()))
            [url] = LISTENING.findall(part.log.read_text())
            async with websockets.connect(f"{url}/session", max_size=None) as socket:
                link = Link(socket)
                answer = await link.ask("session.new", capabilities={})
                await link.ask("session.subscribe", events=["log.entryAdded"])
                yield cls(link, folder, answer["capabilities"]["browserVersion"])
                link.reading.cancel()

    @staticmethod
    def _command(folder, preferences):
        path = program("Firefox", NAMES, "firefox-esr")
        profile = folder / "profile"
        profile.mkdir()
        lines = [
            f'user_pref("{name}", {json.dumps(value)});\n'
            for name, value in {**PREFERENCES, **preferences}.items()
        ]
        (profile / "user.js").write_text("".join(lines))
        return [path, "--headless", "--remote-debugging-port", "0", "--profile", profile]

    @asynccontextmanager
    async def profile(self, complaints):
        fresh = await self.link.ask("browser.createUserContext")
        self.link.complaints = complaints

        async def open_window():
            answer = await self.link.ask("browsingContext.create", type="window", **fresh)
            return FirefoxWindow(self.link, answer["context"])

        try:
            yield open_window
        finally:
            await self.link.ask("browser.removeUserContext", **fresh)


class Link:
    """Commands to Firefox, each with its answer; errors of pages go to ``complaints``."""

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers = {}
        self.complaints = []
        self.reading = asyncio.create_task(self._read())

    async def ask(self, method, **parameters):
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        return await answer

    async def _read(self):
        async for frame in self._socket:
            message = json.loads(frame)
            if message["type"] == "event":
                self._note(message["params"])
                continue
            answer = self._answers.pop(message["id"])
            if message["type"] == "success":
                answer.set_result(message["result"])
            else:
                answer.set_exception(PageError(f"{message['error']}: {message['message']}"))

    def _note(self, entry):
        if entry["level"] == "error":
            self.complaints.append(entry["text"])


class FirefoxWindow(Window):
    """A window."""

    def __init__(self, link, context):
        self._link = link
        self._context = context

    async def _ask(self, method, **parameters):
        return await self._link.ask(method, context=self._context, **parameters)

    async def goto(self, url):
        await self._ask("browsingContext.navigate", url=url, wait="complete")

    async def evaluate(self, function, argument=None):
        answer = await self._link.ask(
            "script.callFunction",
            functionDeclaration=called(function),
            arguments=[{"type": "string", "value": given(argument)}],
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise PageError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def screenshot(self):
        answer = await self._ask("browsingContext.captureScreenshot")
        return base64.b64decode(answer["data"])

    async def resize(self, width, height):
        size = {"width": width, "height": height}
        await self._ask("browsingContext.setViewport", viewport=size)

    async def press(self, key):
        await self._ask("input.performActions", actions=pressed(key))

    async def click(self, x, y):
        await self._ask("input.performActions", actions=clicked(x, y))

    async def back(self):
        await self._ask("browsingContext.traverseHistory", delta=-1)

    async def print(self):
        return base64.b64decode((await self._ask("browsingContext.print"))["data"])

    async def close(self):
        await self._ask("browsingContext.close")
