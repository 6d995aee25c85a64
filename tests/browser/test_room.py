"""Nothing on the page moves while a bar is loaded, drawn, and lives, in any state."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.support.browser import HTML
from tests.support.elements import part
from tests.support.wire import Wire, event, subscribe

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Bars as the template tag writes them, and something below that could move.
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Room</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/progress/task-progress.css">
<body>
<task-progress id="a" {}><progress aria-label="Import"></progress> <a href="/s/">State of this
task</a><form method="post"><button>Cancel</button></form></task-progress>
<p id="below">Below</p>
<script type="module" src="/static/progress/task-progress.js"></script>"""
#: Adds up how far things move, as browsers measure it for "cumulative layout shift".
MEASURE = """
window.shifts = []
new PerformanceObserver((list) => {
  for (const { value, sources } of list.getEntries())
    shifts.push([value, ...sources.map(({ node }) => node?.part?.value ?? node?.nodeName)])
}).observe({ type: "layout-shift", buffered: true })
"""
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
LIFE = [
    event(version=1, state="PENDING"),
    event(version=2, state="STARTED", description="Reading"),
    *(
        event(version=3 + current, current=current, total=1200, description="Reading")
        for current in (0, 9, 10, 99, 100, 110, 120, 999, 1000)
    ),
    event(version=2000, current=1000, total=1200, description="Reading", stalled=True),
    event(version=2001, state="RETRY", error="Busy.", description="Reading"),
    event(version=2002, current=7, description="Reading"),
]
ENDS = {
    "SUCCESS": {"current": 1200, "total": 1200},
    "FAILURE": {"error": "No paper.", "current": 7, "total": 1200},
    "REVOKED": {},
}
ATTRIBUTES = {
    "plain": 'task-id="a"',
    "with Cancel": 'task-id="a" cancel-url="/c/"',
    "with an event": """task-id="a" cancel-url="/c/" event='{}'""".format(
        event(version=1, state="PENDING").text()
    ),
    "without a task": "",
}


async def opened(page, attributes):
    """Open the page, and let the module come after the first drawing."""
    drawn = asyncio.Event()

    async def late(route):
        await drawn.wait()
        await route.continue_()

    html = PAGE.format(attributes)
    await page.add_init_script(MEASURE)
    await page.route("**/blank", lambda route: route.fulfill(body=html, content_type=HTML))
    await page.route("**/task-progress.js", late)
    await page.goto("/blank", wait_until="commit")
    await page.evaluate(DRAWN)
    heights = [await page.evaluate("a.offsetHeight")]
    drawn.set()
    await page.wait_for_function("() => a.shadowRoot")
    await page.evaluate(DRAWN)
    return [*heights, await page.evaluate("a.offsetHeight")]


@pytest.mark.parametrize("width", [320, 700])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("attributes", ATTRIBUTES)
async def test_nothing_moves_in_a_whole_life(open_page, attributes, end, width):
    page = await open_page(viewport={"width": width, "height": 600})
    wire = await Wire.of(page)
    before, after = await opened(page, ATTRIBUTES[attributes])
    assert before == after
    if attributes == "without a task":
        await page.evaluate("() => { a.taskId = 'a' }")
    link = await wire.link()
    assert await link.next() == subscribe("a")
    for each in [*LIFE, event(version=3000, state=end, description="Reading", **ENDS[end])]:
        link.send(each)
        await page.wait_for_function("version => a.event?.version === version", arg=each.version)
        await page.evaluate(DRAWN)
    await expect(page.locator("#a")).to_have_attribute("state", end.lower())
    assert await page.evaluate("shifts") == []


@pytest.mark.parametrize("variant", ["compact", "ring"])
async def test_nothing_moves_in_the_life_of_another_form(open_page, variant):
    page = await open_page(viewport={"width": 700, "height": 600})
    wire = await Wire.of(page)
    before, after = await opened(page, f'{ATTRIBUTES["with Cancel"]} variant="{variant}"')
    assert before == after
    link = await wire.link()
    for each in [*LIFE, event(version=3000, state="SUCCESS", current=1200, total=1200)]:
        link.send(each)
        await page.wait_for_function("version => a.event?.version === version", arg=each.version)
        await page.evaluate(DRAWN)
    assert await page.evaluate("shifts") == []


async def test_a_refusal_and_a_lost_connection_move_nothing(page, wire):
    await page.clock.install()
    await opened(page, ATTRIBUTES["plain"])
    link = await wire.link()
    await link.close(4429)
    message = part(page.locator("#a"), "message")
    await expect(message).to_have_text("Reconnecting…")
    await page.clock.fast_forward(61_000)
    again = await wire.link()
    assert await again.next() == subscribe("a")
    await again.close(4403)
    await expect(message).to_have_text("You may not see this task")
    await page.clock.run_for(100)
    assert await page.evaluate("shifts") == []
