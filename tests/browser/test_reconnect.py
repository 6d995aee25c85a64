"""The page's websocket breaks, falls silent or is refused; and a hidden page is shown again."""

import asyncio
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.jobs_page import JobsPage
from tests.support.browser import BLANK
from tests.support.elements import add, part
from tests.support.proxy import Proxy
from tests.support.wire import event, subscribe

pytestmark = pytest.mark.asyncio(loop_scope="session")

SILENCE = 50_000  # ms without a frame after which a page reconnects
STEADY = 6_000  # ms, longer than a connection must last to count as working
LONGEST = 31_000  # ms, more than the longest pause between two attempts


@pytest_asyncio.fixture(loop_scope="session")
async def link(page, wire):
    """The websocket of a page with an element, ``#a``, at 50 %; the test moves the page's clock."""
    await page.clock.install()
    await page.goto("/blank")
    bar = await add(page)
    link = await wire.link()
    assert await link.next() == subscribe("a")
    link.send(event(version=5, current=1, total=2))
    await expect(part(bar, "percent")).to_have_text("50%")
    return link


async def test_a_running_job_is_followed_over_lost_connections(demo, open_page):
    async with Proxy(urlsplit(demo).port).running() as proxy:
        page = await open_page(base_url=f"http://127.0.0.1:{proxy.port}")
        jobs = await JobsPage.opened(page)
        job = await jobs.start("Has no known size")
        await page.evaluate("Math.random = () => 0.1")
        for links in (1, 2, 3):
            await page.wait_for_function(
                "([id, count]) => shown[id]?.length > count", arg=[job.task_id, links * 4]
            )
            assert len(jobs.sockets) == links
            proxy.cut()
        await job.has_state("success")
    assert len(jobs.sockets) == 4
    versions = [event["version"] for _, event in await job.fired()]
    assert versions == sorted(set(versions))


async def test_a_page_reconnects_after_any_close_and_is_current(page, wire, link):
    for version, code in enumerate([1000, 1001, 1006, 1011, 1012, 4399, 4500], start=6):
        await page.clock.fast_forward(STEADY)
        await link.close(code)
        await page.clock.fast_forward(500)
        link = await wire.link()
        assert await link.next() == subscribe("a")
        link.send(event(version=5, current=1, total=2))  # older than the shown event
        link.send(event(version=version, current=version, total=20))
        await expect(part(page.locator("#a"), "counts")).to_have_text(f"{version} of 20")
    assert await page.evaluate("events.map(({ detail }) => detail.version)") == [*range(5, 13)]


async def test_a_refused_page_does_not_reconnect(page, wire, link):
    refusals = {4400: "Progress cannot be shown", 4403: "You may not see this task"}
    for code, words in {**refusals, 4499: "Progress cannot be shown"}.items():
        await link.close(code)
        message = part(page.locator("task-progress").last, "message")
        await expect(message).to_have_text(words)
        await page.clock.fast_forward(LONGEST)
        await add(page, f"after-{code}")
        link = await wire.link()
        assert await link.next() == subscribe(f"after-{code}")
    assert wire.count == 4


async def test_a_silent_connection_is_replaced_after_50_seconds(page, wire, link):
    await page.clock.fast_forward(SILENCE - 5_000)
    link.send('{"type": "ping"}')
    link.send(event(version=6, current=3, total=4))  # received, so the ping was received too
    await expect(part(page.locator("#a"), "percent")).to_have_text("75%")
    await page.clock.fast_forward(SILENCE - 5_000)
    link.send(event(version=7, current=4, total=4))
    await expect(part(page.locator("#a"), "percent")).to_have_text("99%")
    assert wire.count == 1
    await page.clock.fast_forward(SILENCE)
    assert await link.closed() == 1000
    again = await wire.link()
    assert await again.next() == subscribe("a")


async def test_a_ping_keeps_a_silent_connection_open(page, wire, link):
    for _ in range(3):
        await page.clock.fast_forward(20_000)
        link.send('{"type": "ping"}')
        await page.evaluate("1")  # after the ping
    link.send(event(version=6, current=3, total=4))
    await expect(part(page.locator("#a"), "percent")).to_have_text("75%")
    assert wire.count == 1


async def test_a_handshake_without_answer_is_repeated_after_10_seconds(page, expected):
    expected.append("403")  # by the first page, which nobody may see
    came = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: came.put_nowait(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await page.clock.install()
    await page.goto("/progress/of-nobody/")  # of the demo itself, or a new port is off limits
    await page.set_content(BLANK)
    await page.wait_for_function("() => !!customElements.get('task-progress')")
    await add(page, socket=f"ws://127.0.0.1:{port}/")
    async with asyncio.timeout(10):
        first = await came.get()
        await page.clock.fast_forward(10_000)
        await page.clock.fast_forward(500)
        second = await came.get()
    await page.close()
    for writer in (first, second):
        writer.close()
    server.close()


async def test_a_disconnected_page_says_so_until_it_reconnects(page, wire, link):
    bar = page.locator("#a")
    await fail(page, wire, link, times=4)
    await expect(bar).to_have_attribute("disconnected", "")
    await expect(part(bar, "message")).to_have_text("Reconnecting…")
    await expect(part(bar, "percent")).to_have_text("50%")
    (await wire.link()).send(event(version=6, current=3, total=4))
    await expect(bar).not_to_have_attribute("disconnected", "")
    await expect(part(bar, "message")).to_have_text("Running")


async def test_the_pauses_double_up_to_30_seconds_and_are_reset(page, wire, link):
    await page.evaluate(
        """() => {
          Math.random = () => 0.5
          const set = setTimeout
          window.pauses = []
          window.setTimeout = (call, ms) => (pauses.push(ms), set(call, ms))
        }"""
    )
    await fail(page, wire, link, times=9)
    steady = await wire.link()
    await page.clock.fast_forward(STEADY)
    await fail(page, wire, steady, times=1)
    patience = {10_000, SILENCE, 3_000}  # for an answer, the next frame, and another connection
    pauses = [pause for pause in await page.evaluate("pauses") if pause not in patience]
    assert pauses == [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 250]


async def test_the_pauses_are_short_again_when_the_network_has_returned(page, wire, link):
    await page.evaluate("Math.random = () => 0.9")
    await fail(page, wire, link, times=6)
    await (await wire.link()).close(1012)
    await page.evaluate("dispatchEvent(new Event('online'))")
    await (await wire.link()).close(1012)
    await page.clock.fast_forward(500)
    assert await (await wire.link()).next() == subscribe("a")


async def fail(page, wire, link, *, times):
    """Break the connection and all later ones except the last."""
    await link.close(1012)
    for _ in range(times - 1):
        await page.clock.fast_forward(LONGEST)
        await (await wire.link()).close(1012)
    await page.clock.fast_forward(LONGEST)


WAKES = (
    "document.dispatchEvent(new Event('visibilitychange'))",
    "dispatchEvent(new Event('online'))",
    "document.dispatchEvent(new Event('resume'))",
    "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
)


async def test_a_page_that_wakes_requests_the_present_state(page, wire, link):
    for version, wake in enumerate(WAKES, start=6):
        await page.clock.fast_forward(10_000)
        await page.evaluate(wake)
        assert await link.next() == subscribe("a")
        link.send(event(version=version, current=version, total=20))
        await expect(part(page.locator("#a"), "counts")).to_have_text(f"{version} of 20")
    assert wire.count == 1


async def test_a_page_that_wakes_with_a_dead_connection_reconnects(page, wire, link):
    await page.evaluate("dispatchEvent(new Event('online'))")
    assert await link.next() == subscribe("a")
    await page.clock.fast_forward(3_500)  # no answer
    again = await wire.link()
    assert await again.next() == subscribe("a")


async def test_a_page_that_is_only_shown_again_sends_no_request(page, link):
    await page.evaluate(WAKES[0])
    await add(page, "b")
    assert await link.next() == subscribe("b")


async def test_without_websockets_the_state_is_read_over_http(page, wire):
    jobs = await JobsPage.opened(await page.context.new_page())
    job = await jobs.start("Export all contacts")
    await job.has_state("success")
    await page.clock.install()
    await page.goto("/blank")
    bar = await add(page, job.task_id, status=await job.bar.get_attribute("status"))
    await fail(page, wire, await wire.link(), times=3)
    await expect(bar).to_have_attribute("state", "success")


NO_WEBSOCKETS = {
    "throws": "window.WebSocket = class { constructor() { throw new Error('blocked') } }",
    "never opens": "window.WebSocket = class { readyState = 0; close() {} }",
}


@pytest.mark.parametrize("fate", NO_WEBSOCKETS)
async def test_a_page_without_a_connection_says_so_after_3_seconds(page, fate):
    await page.add_init_script(NO_WEBSOCKETS[fate])
    await page.clock.install()
    await page.goto("/blank")
    bar = await add(page)
    await page.clock.run_for(2_900)
    await expect(bar).not_to_have_attribute("disconnected", "")
    await page.clock.run_for(200)
    await expect(part(bar, "message")).to_have_text("Reconnecting…")


async def test_wake_ups_do_not_shorten_the_pause_after_4429(page, wire, link):
    await link.close(4429)
    await expect(page.locator("#a")).to_have_attribute("disconnected", "")
    for wake in WAKES:
        await page.evaluate(wake)
    await page.clock.run_for(20_000)
    assert wire.count == 1


async def test_repeated_wake_ups_send_only_one_request(page, wire, link):
    await add(page, "b")
    assert await link.next() == subscribe("b")
    link.send(event("b", current=1, total=2))
    await expect(part(page.locator("#b"), "percent")).to_have_text("50%")
    for _ in range(4):
        await page.evaluate("dispatchEvent(new Event('online'))")
    assert await link.next() == subscribe("a")
    await add(page, "c")
    assert await link.next() == subscribe("c")
