"""When a proxy refuses websockets, a page uses event streams, and then polls over plain HTTP."""

import asyncio
import json
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.jobs_page import PATIENCE, JobsPage
from tests.support.elements import add, part
from tests.support.gate import STREAMS, WEBSOCKETS, Gate
from tests.support.wire import event

pytestmark = pytest.mark.asyncio(loop_scope="session")

LANES = 3  # event streams that all windows of a site may have open
SOON = (
    "Math.random = () => 0.1"  # makes the pauses between two attempts nearly as short as possible
)
#: The browser's console errors on a page whose requests are refused.
REFUSED = ("WebSocket connection to", "status of 403", "ERR_EMPTY_RESPONSE")
TURN = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden })
  document.dispatchEvent(new Event("visibilitychange"))
}"""


class Requests:
    """Records the pages' requests over plain HTTP, and the event streams that are open."""

    def __init__(self):
        self.names = []
        self.open = set()
        self.most = 0  # the largest number of streams at once

    def note(self, page):
        page.on("request", self._begin)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)

    def _begin(self, request):
        name = urlsplit(request.url).path.rpartition("/")[2]
        self.names.append(name)
        if name == "events":
            self.open.add(request)
            self.most = max(self.most, len(self.open))

    def _end(self, request):
        self.open.discard(request)

    async def until(self, condition, *, within=30):
        async with asyncio.timeout(within):
            while not condition(self):
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(loop_scope="session")
async def gate(demo, expected):
    """A proxy in front of the demo that refuses websockets."""
    expected += REFUSED
    async with Gate(urlsplit(demo).port).running() as gate:
        yield gate


@pytest.fixture
def requests():
    return Requests()


@pytest_asyncio.fixture(loop_scope="session")
async def bars(open_page):
    """Start jobs from another window; return the attributes for their bars."""
    other = await open_page()

    async def start(button="Has no known size"):
        jobs = await (await JobsPage.opened(other)).start_all(button)
        names = ("task-id", "token", "status")
        return [{name: await job.bar.get_attribute(name) for name in names} for job in jobs]

    return start


async def opened(page, requests):
    """Open the page from the real server, else the browser would block its local websocket."""
    requests.note(page)
    await page.add_init_script(SOON)
    await page.goto("/static/progress/events.js")
    await page.evaluate("import('/static/progress/task-progress.js').then(() => null)")
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def blank(open_page, gate, requests):
    """A page without bars, behind the gate."""
    return await opened(await open_page(base_url=f"http://127.0.0.1:{gate.port}"), requests)


async def show(page, attributes):
    """Add a bar; return its element."""
    more = {name: attributes[name] for name in ("token", "status")}
    return await add(page, attributes["task-id"], **more)


async def succeeds(*bars):
    for bar in bars:
        await expect(bar).to_have_attribute("state", "success", timeout=PATIENCE)


async def versions(page, task_id):
    """Return the versions that the bar has received; the outcome must come last, and only once."""
    told = await page.evaluate(
        "id => events.filter(({ detail }) => detail.task_id === id)"
        ".map(({ type, detail }) => [type, detail.version])",
        task_id,
    )
    assert [kind for kind, _ in told if kind != "progress"] == ["success"]
    assert told[-1][0] == "success"
    numbers = [version for _, version in told]
    assert numbers == sorted(set(numbers))
    return numbers


async def test_a_page_with_a_working_websocket_loads_no_fallback(open_page, bars, requests):
    page = await opened(await open_page(), requests)
    [job] = await bars("Export all contacts")
    await succeeds(await show(page, job))
    assert "fallback.js" not in requests.names
    assert "" not in requests.names


async def test_a_page_without_a_websocket_shows_it_within_5_seconds(blank, bars):
    [job] = await bars()
    async with blank.expect_console_message(
        lambda said: said.type == "warning" and "No websocket connects" in said.text, timeout=5_000
    ) as warning:
        await show(blank, job)
    assert "asgi.py" in (await warning.value).text
    await blank.close()


async def test_the_bar_moves_by_an_event_stream(blank, bars, requests, gate):
    job = (await bars("Start ten jobs"))[-1]
    bar = await show(blank, job)
    await requests.until(lambda each: each.open)
    await expect(part(bar, "message")).not_to_have_text("Reconnecting…")
    await succeeds(bar)
    assert len(await versions(blank, job["task-id"])) > 10
    assert requests.names.count("events") == 1
    assert gate.requests[WEBSOCKETS] > 3
    await requests.until(lambda each: not each.open)


@pytest.mark.parametrize("fate", ["refused", "held"])
async def test_without_streams_the_state_is_polled(blank, bars, requests, gate, fate):
    getattr(gate, fate).add(STREAMS)
    job = (await bars("Start ten jobs"))[-1]
    bar = await show(blank, job)
    await requests.until(lambda each: each.names.count("") > 2)
    await expect(bar).not_to_have_attribute("disconnected", "")
    await succeeds(bar)
    await versions(blank, job["task-id"])
    assert requests.names.count("events") == 1


async def test_the_websocket_takes_over_when_it_connects(blank, bars, requests, gate):
    job = (await bars("Start ten jobs"))[-1]
    bar = await show(blank, job)
    await requests.until(lambda each: each.open)
    async with blank.expect_websocket(lambda socket: bool(socket.url)):
        gate.refused.clear()
    await requests.until(lambda each: not each.open)
    assert await bar.get_attribute("state") != "success", "the stream ended with the job"
    asked = len(requests.names)
    await succeeds(bar)
    await versions(blank, job["task-id"])
    assert len(requests.names) == asked


async def test_ten_bars_leave_connections_for_other_requests(blank, bars, requests):
    jobs = await bars("Start ten jobs")
    shown = [await show(blank, job) for job in jobs]
    await requests.until(lambda each: len(each.open) == LANES)
    async with asyncio.timeout(5):
        assert await blank.evaluate("fetch('/sample.csv').then(({ status }) => status)") == 200
    await succeeds(*shown)
    for job in jobs:
        await versions(blank, job["task-id"])
    assert requests.most == LANES


async def test_the_windows_of_a_browser_share_the_streams(blank, bars, requests):
    jobs = await bars("Start ten jobs")
    other = await opened(await blank.context.new_page(), requests)
    shown = [await show(page, job) for page in (blank, other) for job in jobs[-4:]]
    await requests.until(lambda each: len(each.open) == LANES)
    async with asyncio.timeout(5):
        assert await other.evaluate("fetch('/sample.csv').then(({ status }) => status)") == 200
    await succeeds(*shown)
    assert requests.most == LANES


async def test_a_hidden_page_has_no_stream(blank, bars, requests):
    bar = await show(blank, (await bars("Start ten jobs"))[-1])
    await requests.until(lambda each: each.open)
    await blank.evaluate(TURN, True)
    await requests.until(lambda each: not each.open)
    asked = requests.names.count("events")
    await blank.evaluate(TURN, False)
    await requests.until(lambda each: each.names.count("events") > asked)
    await succeeds(bar)


async def test_a_removed_bar_closes_its_stream(blank, bars, requests):
    await show(blank, (await bars("Start ten jobs"))[-1])
    await requests.until(lambda each: each.open)
    await blank.evaluate("document.querySelector('task-progress').remove()")
    await requests.until(lambda each: not each.open, within=5)  # long before the job's end


class Site:
    """Answers the page's plain requests in tests that need answers no server gives."""

    def __init__(self):
        self.tokens = []  # by request, in order: the kind and the token
        self.state = (200, event(current=1, total=2).text())
        self.streams = asyncio.Queue()

    async def answer(self, route):
        address = urlsplit(route.request.url)
        kind = "events" if address.path.endswith("/events") else "state"
        self.tokens.append((kind, *parse_qs(address.query)["token"]))
        if kind == "events":
            body = await self.streams.get()
            await route.fulfill(body=body, content_type="text/event-stream")
        else:
            status, body = self.state
            await route.fulfill(status=status, body=body, content_type="application/json")


@asynccontextmanager
async def site(page):
    """Answer the page's requests for the task "a" from the test."""
    site = Site()
    await page.route("**/progress/a/**", site.answer)
    yield site
    await page.unroute_all(behavior="ignoreErrors")


async def test_a_renewed_token_replaces_the_old_token(blank):
    renewal = json.dumps({"type": "token", "task_id": "a", "token": "second"})
    outcome = event(version=2, state="SUCCESS").text()
    async with site(blank) as server:
        bar = await add(blank, "a", token="first", status="/progress/a/?token=first")
        server.streams.put_nowait(f"data: {renewal}\n\n")
        server.streams.put_nowait(f"id: 2\ndata: {outcome}\n\n")
        await succeeds(bar)
        used = [("state", "first"), ("events", "first"), ("state", "second"), ("events", "second")]
        assert server.tokens == used


async def test_the_token_in_the_status_address_is_used_without_another(blank):
    async with site(blank) as server:
        bar = await add(blank, "a", status="/progress/a/?token=of-the-address")
        server.state = (200, event(version=2, state="SUCCESS").text())
        await succeeds(bar)
        assert server.tokens == [("state", "of-the-address")]


async def test_a_page_without_the_right_to_watch_shows_it_and_stops_polling(blank, gate):
    async with site(blank) as server:
        server.state = (403, '{"detail": "You may not."}')
        bar = await add(blank, "a", token="none", status="/progress/a/?token=none")
        await expect(part(bar, "message")).to_have_text("You may not see this task")
        attempts = gate.requests[WEBSOCKETS]
        await add(blank, "b")
        async with asyncio.timeout(10):
            while gate.requests[WEBSOCKETS] < attempts + 2:
                await asyncio.sleep(0.05)
        assert server.tokens == [("state", "none")]


async def test_an_error_page_of_a_proxy_is_not_read_as_a_state(blank):
    async with site(blank) as server:
        server.state = (403, "<h1>Blocked</h1>")
        bar = await add(blank, "a", token="first", status="/progress/a/?token=first")
        await expect(bar).to_have_attribute("disconnected", "")
        async with asyncio.timeout(30):
            while len(server.tokens) < 2:
                await asyncio.sleep(0.05)
        await expect(part(bar, "message")).to_have_text("Reconnecting…")
        server.state = (200, event(version=2, state="SUCCESS").text())
        await succeeds(bar)
