"""The way to the site breaks while a bar moves, in each engine."""

import pytest
import pytest_asyncio

from progress import make_token
from tests.engines.bars import ADD, UNREACHABLE, fired, shows
from tests.support.gate import STREAMS, WEBSOCKETS, Gate

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(autouse=True)
def unreachable(complaints):
    complaints += UNREACHABLE


@pytest_asyncio.fixture(loop_scope="session")
async def job(window, site, road):
    """A task at 10 %, in a page that reaches the site by the road."""
    return await shown(window, site, road)


async def shown(window, site, proxy, text="10% Running"):
    job = site.start()
    await window.goto(f"http://127.0.0.1:{proxy.port}/bar/{job.id}/")
    job.say(10)
    await shows(window, text)
    return job


async def ends(window, job):
    """End the task; the page shows it and fires success, once."""
    job.say("success")
    await shows(window, "100% Done")
    assert await fired(window, job.id) == ["progress", "success", "outcome"]


async def test_a_page_is_current_after_the_web_server_was_restarted(window, site, job):
    site.restart()
    job.say(50)
    await shows(window, "50% Running")
    await ends(window, job)


async def test_a_page_without_network_says_so_and_is_current_after_it(window, job, road):
    with road.closed():
        job.say(50)
        await shows(window, "10% Reconnecting…")
    await shows(window, "50% Running")
    await ends(window, job)


@pytest.mark.slow
async def test_a_task_that_ends_while_the_network_is_away_fires_success(window, job, road):
    with road.closed():
        job.say("success")
        await shows(window, "10% Reconnecting…")
    await shows(window, "100% Done")
    assert await fired(window, job.id) == ["progress", "success", "outcome"]


@pytest.mark.slow
async def test_a_bar_moves_after_each_of_ten_flaps(window, job, road):
    for percent in range(11, 21):
        road.reset()
        job.say(percent)
        await shows(window, f"{percent}% Running")
    await ends(window, job)


@pytest.mark.parametrize(
    "refused", [(WEBSOCKETS,), pytest.param((WEBSOCKETS, STREAMS), marks=pytest.mark.slow)]
)
async def test_a_bar_moves_where_a_proxy_refuses_websockets(window, site, refused):
    async with Gate(site.web.port, refused).running() as gate:
        job = await shown(window, site, gate)
        job.say(50)
        await shows(window, "50% Running")
        await ends(window, job)
        assert gate.requests[WEBSOCKETS]


#: Keeps the page's websockets in ``sockets``.
NOTE_SOCKETS = """() => {
  window.sockets = []
  const Native = WebSocket
  window.WebSocket = class extends Native {
    constructor(url) { super(url); sockets.push(this) }
  }
}"""
OPEN = "(made) => sockets.length >= made && sockets.filter((each) => each.readyState === 1).length"


@pytest.mark.slow
async def test_ten_sockets_are_open_again_soon_after_they_broke(window, road):
    """Firefox itself delays connections to a path where ten have broken: by 14 s."""
    await window.goto(f"http://127.0.0.1:{road.port}/blank/")
    await window.evaluate(NOTE_SOCKETS)
    bars = [{"task-id": f"quiet-{n}", "token": make_token(f"quiet-{n}")} for n in range(1000)]
    await window.evaluate(f"(bars) => bars.forEach((each) => ({ADD})(each))", bars)
    await window.until(f"() => ({OPEN})(10) === 10")
    road.reset()
    await window.until(f"() => ({OPEN})(20) === 10", within=5)
