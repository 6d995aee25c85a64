"""Pages with more bars than one socket may serve, on a real server with the default limits."""

import asyncio

import pytest
import pytest_asyncio

from progress import make_token
from tests.support.browser import BLANK
from tests.support.elements import settled
from tests.support.parts import Server, Web
from tests.support.processes import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

FRONTEND = ROOT / "frontend"
SUBSCRIPTIONS = 100  # tasks that one socket may watch
BURST, RATE = 200, 20  # frames at once, and in a second
ADD = """(bars) => document.body.append(...bars.map(([taskId, token]) => {
  const bar = document.createElement("task-progress")
  bar.setAttribute("task-id", taskId)
  bar.setAttribute("token", token)
  return bar
}))"""
#: Counts the bars that show the server's answer for an unknown task.
ANSWERED = "() => document.querySelectorAll('task-progress[state=unknown]').length"
CHURN = """() => {
  const bars = [...document.querySelectorAll("task-progress")]
  bars.forEach((bar) => bar.remove())
  return new Promise((done) => setTimeout(() => done(document.body.append(...bars)), 10))
}"""


class Sockets:
    """The websockets of a page, with the time of each frame that it sends."""

    def __init__(self, page):
        self.opened = []
        self.closed = 0
        self.sent = {}
        page.on("websocket", self._open)

    def _open(self, socket):
        self.opened.append(socket)
        times = self.sent[socket] = []
        socket.on("framesent", lambda _: times.append(asyncio.get_running_loop().time()))
        socket.on("close", lambda _: self._close())

    def _close(self):
        self.closed += 1

    def check_pace(self):
        """Check that no socket ever sent more frames than the server accepts."""
        for times in self.sent.values():
            for index, start in enumerate(times):
                for count, time in enumerate(times[index:], start=1):
                    assert count <= BURST + RATE * (time - start)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a web server with the tests' SECRET_KEY."""
    folder = tmp_path_factory.mktemp("many")
    with Server(folder) as store, Web(folder, env={"TEST_REDIS_URL": store.url()}) as web:
        yield f"http://127.0.0.1:{web.port}"


@pytest_asyncio.fixture(loop_scope="session")
async def sockets(page, site, expected):
    """The websockets of a page without bars, which comes from the real server."""
    expected.append("403")  # the page of a task that nobody may see
    sockets = Sockets(page)
    await page.route("**/static/progress/*", module)
    await page.goto(f"{site}/progress/of-nobody/")
    await page.set_content(BLANK)
    await page.wait_for_function("() => !!customElements.get('task-progress')")
    return sockets


async def module(route):
    path = FRONTEND / route.request.url.rpartition("/")[2]
    await route.fulfill(body=path.read_text(), content_type="text/javascript")


async def show(page, count):
    """Add this many bars, and wait until the server has answered each."""
    bars = [[task_id := f"many-{number}", make_token(task_id)] for number in range(count)]
    await page.evaluate(ADD, bars)
    await answered(page, count)


async def answered(page, count):
    await page.wait_for_function(f"({ANSWERED})() === {count}", timeout=60_000)


@pytest.mark.parametrize("count", [150, 1_000])
async def test_each_bar_of_a_large_page_gets_its_state(page, sockets, count):
    await show(page, count)
    assert len(sockets.opened) == -(-count // SUBSCRIPTIONS)
    assert not sockets.closed


async def test_each_flap_of_the_network_costs_one_frame(page, sockets):
    await show(page, SUBSCRIPTIONS)
    [times] = sockets.sent.values()
    before = len(times)
    for _ in range(20):
        await page.evaluate("dispatchEvent(new Event('online'))")
        await page.evaluate("document.dispatchEvent(new Event('resume'))")
        await settled(page)
    assert len(times) - before <= 40
    assert not sockets.closed


async def test_a_page_that_changes_all_its_bars_keeps_to_the_frame_rate(page, sockets):
    await show(page, SUBSCRIPTIONS)
    await page.evaluate(CHURN)
    await page.evaluate(CHURN)
    [times] = sockets.sent.values()
    async with asyncio.timeout(60):
        while len(times) < 3 * SUBSCRIPTIONS:
            await asyncio.sleep(0.1)
    sockets.check_pace()
    assert not sockets.closed
