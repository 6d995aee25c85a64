"""``watch()`` in a page that also has bars."""

import pytest
from playwright.async_api import expect

from tests.support.elements import add, part, settled
from tests.support.wire import event, subscribe, unsubscribe

pytestmark = pytest.mark.asyncio(loop_scope="session")

WATCH = """async () => {
  const { watch } = await import("/static/progress/watch.js")
  const heard = []
  const stop = watch("/ws/progress/", {
    taskId: "a", onEvent: ({ version }) => heard.push(version),
  })
  window.scripts = [...(window.scripts ?? []), { heard, stop }]
}"""
HEARD = "scripts.map(({ heard }) => heard)"


async def test_a_script_shares_the_websocket_of_the_bars(page, wire):
    await page.goto("/blank")
    bar = await add(page)
    link = await wire.link()
    assert await link.next() == subscribe("a")
    link.send(event(version=1, current=1, total=4))
    await expect(part(bar, "percent")).to_have_text("25%")
    for _ in range(
        2
    ):  # each new watcher gets the present state; earlier watchers do not get it again
        await page.evaluate(WATCH)
        await settled(page)
    assert await page.evaluate(HEARD) == [[1], [1]]
    await page.evaluate("scripts[0].stop(), scripts[0].stop()")
    link.send(event(version=2, current=2, total=4))
    await expect(part(bar, "percent")).to_have_text("50%")
    assert await page.evaluate(HEARD) == [[1], [1, 2]]
    assert wire.count == 1


async def test_a_script_that_stops_watching_leaves_no_websocket_open(page, wire):
    await page.clock.install()
    await page.goto("/blank")
    await page.evaluate(WATCH)
    link = await wire.link()
    assert await link.next() == subscribe("a")
    await page.evaluate("scripts[0].stop()")
    await page.clock.fast_forward(3_000)
    assert await link.next() == unsubscribe("a")
    assert await link.closed() == 1000


async def test_removing_a_finished_bar_keeps_the_websocket_of_the_others(page, wire):
    await page.clock.install()
    await page.goto("/blank")
    await add(page)
    (await wire.link()).send(event(state="SUCCESS"))
    await expect(page.locator("#a")).to_have_attribute("state", "success")
    await page.clock.fast_forward(3_000)
    await add(page, "b")
    link = await wire.link()
    assert await link.next() == subscribe("b")
    await page.evaluate("a.remove()")
    await page.clock.fast_forward(3_000)
    await add(page, "c")
    assert await link.next() == subscribe("c")
    assert wire.count == 2
