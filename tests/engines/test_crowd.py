"""Pages of 100 and 1,000 bars in each engine, while the network, the server and the browser fail.

1,000 real tasks move meanwhile, each every 2 s.
"""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.engines.bars import UNREACHABLE
from tests.faults.page import Chromium as FreezingChromium
from tests.support.engines.chromium import ChromiumWindow
from tests.support.engines.machine import asleep, cpu_seconds, memory

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.slow,
    pytest.mark.timeout(400),
]

SOON = 10  # seconds after which a page is right again
OUTAGE = 0.3  # seconds
SLEEP = 15
SAMPLE = 10
#: Counts the bars that have an older event than these versions.
BEHIND = """(least) => [...document.querySelectorAll("task-progress")].filter(
  (bar) => !(bar.event?.version >= least[bar.getAttribute("task-id")])).length"""
#: Counts the bars that show anything but the task's success.
UNDONE = """() => [...document.querySelectorAll("task-progress")].map(shown).filter(
  ({ percent, message }) => `${percent} ${message}` !== "100% Done").length"""
NOTE_FREEZES = """() => {
  window.freezes = []
  const note = ({ type }) => freezes.push(type)
  for (const type of ["freeze", "resume"]) document.addEventListener(type, note)
}"""
#: Measures for so many seconds how long the page's only thread does not run timers.
BLOCKED = """(seconds) => new Promise((done) => {
  const end = performance.now() + 1000 * seconds
  let [last, longest, total] = [performance.now(), 0, 0]
  const beat = () => {
    const now = performance.now()
    const blocked = now - last - 20
    longest = Math.max(longest, blocked)
    total += Math.max(0, blocked)
    last = now
    now < end ? setTimeout(beat, 20) : done({ longest, share: total / (1000 * seconds) })
  }
  beat()
})"""


class Crowd:
    """Tasks that move until the test ends them."""

    def __init__(self, site, folder, count):
        self.prefix = uuid4().hex
        self.ids = [f"{self.prefix}-{number}" for number in range(count)]
        self._site = site
        self._end = folder / "end"
        for task_id in self.ids:
            site.celery.send_task(
                "tests.engines.tasks.walk", [2, str(self._end)], task_id=task_id, queue="crowd"
            )

    async def end(self):
        """Let each task succeed after its present step; return when the store has all outcomes."""
        self._end.touch()
        async with asyncio.timeout(60):
            while not all(event["complete"] for event in self.events()):
                await asyncio.sleep(0.1)

    def events(self):
        """The events that the store has."""
        keys = [f"progress:event:{task_id}" for task_id in self.ids]
        with self._site.store.client() as client:
            return [json.loads(text) for text in client.mget(keys) if text]

    def versions(self):
        """The versions of the tasks' events in the store."""
        return {event["task_id"]: event["version"] for event in self.events()}


@pytest.fixture(scope="module")
def walkers(site):
    """A worker that runs 1,000 tasks at once."""
    return site.worker(name="walkers", pool="gevent", options=("-c", "1000", "-Q", "crowd"))


@pytest.fixture(autouse=True)
def unreachable(complaints):
    complaints += UNREACHABLE


@pytest_asyncio.fixture(loop_scope="session", params=[100, 1000])
async def crowd(request, window, site, road, walkers, tmp_path):
    """Tasks whose bars a page shows, all of them moving."""
    crowd = Crowd(site, tmp_path, request.param)
    await until_moving(crowd)
    await window.goto(f"{road.url}/bars/{crowd.prefix}/{request.param}/")
    yield crowd
    await crowd.end()


async def until_moving(crowd):
    """Wait until the worker has begun all tasks."""
    async with asyncio.timeout(60):
        while len(crowd.versions()) < len(crowd.ids):
            await asyncio.sleep(0.5)


async def right(window, crowd, *, within=SOON):
    """Wait until each bar has what the store has now; return how many seconds that took."""
    began = time.monotonic()
    least = crowd.versions()
    while behind := await window.evaluate(BEHIND, least):
        took = time.monotonic() - began
        assert took < within, f"{behind} of {len(least)} bars are behind after {took:.1f} s"
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def done(window):
    """Wait until each bar shows its task's success; return how many seconds that took."""
    began = time.monotonic()
    await window.until(f"() => !({UNDONE})()", within=SOON)
    return time.monotonic() - began


async def test_all_bars_are_right_after_flaps_a_restart_and_a_sleep(
    engine, window, crowd, site, road, figures
):
    figure = figures(engine, len(crowd.ids))
    figure["first state, s"] = await right(window, crowd, within=30)
    await measure(engine, window, figure)
    for _ in range(10):
        with road.closed():
            await asyncio.sleep(OUTAGE)
        await window.evaluate("() => dispatchEvent(new Event('online'))")
        await asyncio.sleep(OUTAGE)
    figure["after ten flaps, s"] = await right(window, crowd)
    site.restart()
    figure["after a restart, s"] = await right(window, crowd)
    with asleep(engine.folder):
        await asyncio.sleep(SLEEP)
    figure["after a sleep, s"] = await right(window, crowd)
    await crowd.end()
    figure["all done, s"] = await done(window)


@pytest_asyncio.fixture(loop_scope="session")
async def sleepy(chromium, tmp_path):
    """A window of a Chromium that hides and freezes pages, and another window."""
    async with FreezingChromium(tmp_path, chromium).driven() as browser:
        [context] = browser.contexts
        yield ChromiumWindow(await context.new_page()), await context.new_page()


# Only Chromium can be told to freeze a page; the test above stops all processes of each engine.
async def test_all_bars_are_right_after_a_freeze(sleepy, site, road, walkers, tmp_path):
    window, other = sleepy
    crowd = Crowd(site, tmp_path, 1000)
    await until_moving(crowd)
    await window.page.bring_to_front()
    await window.goto(f"{road.url}/bars/{crowd.prefix}/1000/")
    await right(window, crowd, within=30)
    await window.evaluate(NOTE_FREEZES)
    async with frozen(window, other):
        await asyncio.sleep(SLEEP)
    await right(window, crowd)
    assert await window.evaluate("() => freezes") == ["freeze", "resume"]
    await crowd.end()
    await done(window)


@asynccontextmanager
async def frozen(window, other):
    """Show the other window and freeze the page for the length of the block."""
    await other.bring_to_front()
    await window.until("() => document.hidden")
    session = await window.page.context.new_cdp_session(window.page)
    await session.send("Page.setWebLifecycleState", {"state": "frozen"})
    yield
    await session.send("Page.setWebLifecycleState", {"state": "active"})
    await window.page.bring_to_front()


async def measure(engine, window, figure):
    """Note what the moving bars cost, in all processes of the browser."""
    heard = await window.evaluate("() => fired.length")
    before, began = cpu_seconds(engine.folder), time.monotonic()
    blocked = await window.evaluate(BLOCKED, SAMPLE)
    took = time.monotonic() - began
    figure["CPU, s a second"] = (cpu_seconds(engine.folder) - before) / took
    figure["events a second"] = (await window.evaluate("() => fired.length") - heard) / took
    figure["main thread blocked, share"] = blocked["share"]
    figure["longest block, ms"] = blocked["longest"]
    figure["memory, MB"] = memory(engine.folder) / 1e6
    if engine.name == "chromium":
        session = await window.page.context.new_cdp_session(window.page)
        await session.send("HeapProfiler.collectGarbage")
        await session.send("Performance.enable")
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        values = {each["name"]: each["value"] for each in metrics}
        figure["heap, MB"] = values["JSHeapUsedSize"] / 1e6
