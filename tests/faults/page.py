"""A page with one bar in an ordinary Chromium, and the proxy between it and the web server."""

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, contextmanager

from playwright.async_api import async_playwright

from progress import make_token
from tests.support.browser import ARGS, HTML, SHOWN
from tests.support.processes import ROOT, Part, stopped
from tests.support.proxy import Proxy

#: Mitigations that can be switched off: the module, the code to replace, and the replacement.
OFF = {
    "wake": ("socket.js", "addEventListener(type, this.#wake, true)", "void type"),
    "silence": ("socket.js", "SILENCE = 50_000", "SILENCE = 2 ** 31 - 1"),
    "retry": ("socket.js", "setTimeout(() => this.#connect(), pause)", "-1"),
    "busy": ("socket.js", "code === 4408 || code === 4429", "code === 4408"),
    "merge": ("events.js", "!current ||", "true ||"),
}
BAR = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Bar</title>
<link rel="icon" href="data:,"><body><task-progress task-id="{}" token="{}" {}></task-progress>
<script type="module" src="/static/progress/task-progress.js"></script>"""
SILENCE = 50  # seconds after which a page gives a link up
ELSEWHERE = """<!doctype html><html lang="en"><title>Elsewhere</title>
<link rel="icon" href="data:,"><p>Nothing to see."""
#: Chromium forbids a page that playwright serves to open sockets to this machine.
NEAR = "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"
#: Records what the browser does to the page.
LIVES = """
window.lives = []
for (const type of ["visibilitychange", "freeze", "resume", "pagehide", "pageshow"])
  addEventListener(type, ({ persisted }) => {
    lives.push(persisted ? `${type} kept` : document.hidden ? `${type} hidden` : type)
  }, true)
"""


class Chromium(Part):
    """A browser that throttles, freezes and caches pages; one started by playwright does not."""

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
        """The browser, driven by playwright without its defaults: those keep every page awake."""
        with self:
            async with async_playwright() as playwright:
                connect = playwright.chromium.connect_over_cdp
                browser = await connect(self.address, no_defaults=True)
                yield browser
                await browser.close()


class Window:
    """A page with the bar of one task, reached through a local port."""

    def __init__(self, page, task_id):
        self.page = page
        self.task_id = task_id
        self.errors = []
        page.on("pageerror", self._note)

    @classmethod
    async def opened(cls, browser, port, task_id, *, without="", script="", attributes=""):
        """Open it without these mitigations; ``script`` runs before the page's own."""
        [context] = browser.contexts
        bar = BAR.format(task_id, make_token(task_id), attributes.format(task_id))
        modules = read_modules(without.split())
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
        """Wait until the JavaScript is true; raises TimeoutError after ``within`` seconds."""
        async with asyncio.timeout(within):
            while not await self.page.evaluate(expression):
                await asyncio.sleep(0.02)

    async def reaches(self, current, *, within=30):
        """Wait until the bar has received that many steps."""
        await self.until(
            f"events.some(({{ detail }}) => detail.current >= {current})", within=within
        )

    async def hears(self, *, within):
        """Wait until the bar receives another event."""
        count = await self.page.evaluate("events.length")
        await self.until(f"events.length > {count}", within=within)

    async def shows_success(self, *, within):
        """Wait until the bar shows the outcome."""
        await self.until(f'shown["{self.task_id}"]?.at(-1).message === "Done"', within=within)

    async def check(self, end):
        """Check what holds under every fault: versions rise, and the outcome is drawn once."""
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
        """Show another tab for the length of the block."""
        other = await self.page.context.new_page()
        await other.bring_to_front()
        await self.until("document.hidden")
        yield
        await self.page.bring_to_front()

    @asynccontextmanager
    async def frozen(self):
        """Let the browser freeze the page, as it freezes hidden pages."""
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("Page.setWebLifecycleState", {"state": "frozen"})
        yield
        await session.send("Page.setWebLifecycleState", {"state": "active"})

    @asynccontextmanager
    async def stopped(self):
        """Stop every process that runs pages with SIGSTOP for the length of the block."""
        session = await self.page.context.browser.new_browser_cdp_session()
        processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
        pids = [process["id"] for process in processes if process["type"] == "renderer"]
        with stopped(pids):
            yield


def read_modules(without):
    """The JavaScript modules by name, with the mitigations switched off."""
    modules = {path.name: path.read_text() for path in (ROOT / "frontend").glob("*.js")}
    for name in without:
        module, old, new = OFF[name]
        assert modules[module].count(old) == 1, f"{module} has no {old}"
        modules[module] = modules[module].replace(old, new)
    return modules


class Road(Proxy):
    """A proxy that resets and refuses connections, and can lead to another server."""

    def __init__(self, port):
        super().__init__(port)
        self._closed = False

    def leads_to(self, port):
        """Pass new connections to that port."""
        self._to = port

    def reset(self):
        """Reset every open connection (RST), where ``cut`` closes it (FIN)."""
        for writer in list(self._writers):
            reset(writer)

    def swallow(self):
        """Swallow, and do not pass on when one side closes: Daphne gives up soon."""
        super().swallow()
        for writer in self._writers:
            writer.transport.pause_reading()

    @contextmanager
    def closed(self):
        """Reset every connection, open or new, for the length of the block."""
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
