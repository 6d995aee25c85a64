"""A page with one bar in a Chromium as people have it, and the way from it to the web server."""

import asyncio
import os
import signal
import socket
import struct
from contextlib import asynccontextmanager, contextmanager

from playwright.async_api import async_playwright

from progress import make_token
from tests.support.browser import ARGS, HTML, SHOWN
from tests.support.processes import ROOT, Part
from tests.support.proxy import Proxy

#: Mitigations that can be switched off: the module, what is replaced in it, and by what.
OFF = {
    "wake": ("socket.js", "addEventListener(type, this.#wake, true)", "void type"),
    "silence": ("socket.js", "SILENCE = 50_000", "SILENCE = 2 ** 31 - 1"),
    "retry": ("socket.js", "setTimeout(() => this.#connect(), fullJitter)", "-1"),
    "merge": ("merge.js", "!current ||", "true ||"),
}
BAR = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Bar</title>
<link rel="icon" href="data:,"><body><task-progress task-id="{}" token="{}"></task-progress>
<script type="module" src="/static/progress/task-progress.js"></script>"""
ELSEWHERE = """<!doctype html><html lang="en"><title>Elsewhere</title>
<link rel="icon" href="data:,"><p>Nothing to see."""
#: What playwright gives the browser in a server's place may open no socket to this machine.
NEAR = "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"
#: Notes what the browser does to the page.
LIVES = """
window.lives = []
for (const type of ["visibilitychange", "freeze", "resume", "pagehide", "pageshow"])
  addEventListener(type, ({ persisted }) => {
    lives.push(persisted ? `${type} kept` : document.hidden ? `${type} hidden` : type)
  }, true)
"""


class Chromium(Part):
    """A browser that slows, freezes and keeps pages: one that playwright starts does not."""

    def __init__(self, folder, path):
        self._port = folder / "profile" / "DevToolsActivePort"
        own = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}/profile"]
        super().__init__(folder, "chromium", [path, *ARGS, *own, NEAR, "about:blank"])

    def start(self):
        super().start()
        self.wait_for(lambda: self._port.exists() and "/" in self._port.read_text())

    @property
    def address(self):
        return f"http://127.0.0.1:{self._port.read_text().split()[0]}"

    @asynccontextmanager
    async def driven(self):
        """The browser in playwright's hand; without defaults, for these keep every page awake."""
        with self:
            async with async_playwright() as playwright:
                connect = playwright.chromium.connect_over_cdp
                browser = await connect(self.address, no_defaults=True)
                yield browser
                await browser.close()


class Window:
    """A page with the bar of one task, by way of a port of this machine."""

    def __init__(self, page, task_id):
        self.page = page
        self.task_id = task_id
        self.errors = []
        page.on("pageerror", self._note)

    @classmethod
    async def opened(cls, browser, port, task_id, *, without="", script=""):
        """``without`` names what is switched off; ``script`` runs before the page's own."""
        [context] = browser.contexts
        bar, modules = BAR.format(task_id, make_token(task_id)), read_modules(without.split())
        await context.route("**/bar", lambda route: route.fulfill(body=bar, content_type=HTML))
        await context.route(
            "**/elsewhere", lambda route: route.fulfill(body=ELSEWHERE, content_type=HTML)
        )
        await context.route(
            "**/static/progress/*",
            lambda route: route.fulfill(
                body=modules[route.request.url.rpartition("/")[2]], content_type="text/javascript"
            ),
        )
        await context.add_init_script(SHOWN + LIVES + script)
        window = cls(await context.new_page(), task_id)
        await window.page.goto(f"http://127.0.0.1:{port}/bar")
        return window

    def _note(self, error):
        self.errors.append(error)

    async def until(self, expression, *, within=30):
        """Until the JavaScript says true; fails after ``within`` seconds."""
        async with asyncio.timeout(within):
            while not await self.page.evaluate(expression):
                await asyncio.sleep(0.02)

    async def reaches(self, current, *, within=30):
        """Until the bar was told of that many steps."""
        await self.until(
            f"events.some(({{ detail }}) => detail.current >= {current})", within=within
        )

    async def hears(self, *, within):
        """Until it was told something new; fails after ``within`` seconds."""
        count = await self.page.evaluate("events.length")
        await self.until(f"events.length > {count}", within=within)

    async def shows_success(self, *, within):
        """Until the outcome is drawn; fails after ``within`` seconds."""
        await self.until(f'shown["{self.task_id}"]?.at(-1).message === "Done"', within=within)

    async def check(self, end):
        """What holds under every fault: versions rise, and the outcome is told and drawn once."""
        fired, drawn, lives = await self.page.evaluate(
            "id => [events.map(({ type, detail }) => [type, detail]), shown[id], lives]",
            self.task_id,
        )
        versions = [detail["version"] for _, detail in fired]
        assert versions == sorted(set(versions)), "versions rise"
        assert [kind for kind, _ in fired if kind != "progress"] == ["success"]
        assert fired[-1] == ["success", end], "the page and the watchers saw the same"
        last = drawn[-1]
        assert [each["state"] for each in drawn].count("success") == 1, "the outcome is drawn once"
        assert (last["state"], last["percent"], last["message"]) == ("success", "100%", "Done")
        assert last["counts"] == f"{end['current']:,} of {end['total']:,}"
        assert not self.errors
        return lives

    @asynccontextmanager
    async def hidden(self):
        """Another tab is in front for the length of the block."""
        other = await self.page.context.new_page()
        await other.bring_to_front()
        await self.until("document.hidden")
        yield
        await self.page.bring_to_front()

    @asynccontextmanager
    async def frozen(self):
        """The browser freezes the page, as it does with hidden ones."""
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("Page.setWebLifecycleState", {"state": "frozen"})
        yield
        await session.send("Page.setWebLifecycleState", {"state": "active"})

    @asynccontextmanager
    async def stopped(self):
        """SIGSTOP to every process that runs pages, for the length of the block."""
        session = await self.page.context.browser.new_browser_cdp_session()
        processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
        pids = [process["id"] for process in processes if process["type"] == "renderer"]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


def read_modules(without):
    """The three modules by name, with what is switched off replaced."""
    modules = {path.name: path.read_text() for path in (ROOT / "frontend").glob("*.js")}
    for name in without:
        module, old, new = OFF[name]
        assert modules[module].count(old) == 1, f"{module} has no {old}"
        modules[module] = modules[module].replace(old, new)
    return modules


class Road(Proxy):
    """A proxy that resets, refuses, and leads elsewhere."""

    def __init__(self, port):
        super().__init__(port)
        self._closed = False

    def leads_to(self, port):
        """New connections go there."""
        self._to = port

    def reset(self):
        """RST on every open connection, where ``cut`` says FIN."""
        for writer in list(self._writers):
            reset(writer)

    def swallow(self):
        """As ever, and what ends on one side is not ended on the other: Daphne gives up soon."""
        super().swallow()
        for writer in self._writers:
            writer.transport.pause_reading()

    @contextmanager
    def closed(self):
        """RST on every connection, open or new, for the length of the block."""
        self._closed = True
        self.reset()
        yield
        self._closed = False

    async def _serve(self, reader, writer):
        if self._closed:
            reset(writer)
        else:
            await super()._serve(reader, writer)


def reset(writer):
    end = writer.get_extra_info("socket")
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
