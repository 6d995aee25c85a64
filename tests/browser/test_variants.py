"""The other forms of a bar, from 140 to 1,400 px, and in both directions of writing."""

import re

import pytest
from playwright.async_api import expect

from tests.support.elements import add, part
from tests.support.wire import Wire, event

pytestmark = pytest.mark.asyncio(loop_scope="session")

VARIANTS = ("bar", "compact", "inline", "ring")
STATES = {
    "PENDING": {},
    "PROGRESS": {"current": 12_400, "total": 50_000, "description": "Importing contacts.csv"},
    "STARTED": {"description": "Preparing"},
    "RETRY": {"error": "The connection broke off.", "current": 5, "total": 9},
    "SUCCESS": {"current": 9, "total": 9},
}
#: The boxes of the visible parts, and of the element, as left and right edges.
BOXES = """() => {
  const edges = (node) => {
    const { left, right, width } = node.getBoundingClientRect()
    return width ? [[left, right]] : []
  }
  const parts = [...a.shadowRoot.querySelectorAll("[part]:not([part=status])")]
  return [...parts.flatMap(edges), ...edges(a)]
}"""


async def opened(page, wire, variant):
    await page.goto("/blank")
    await page.evaluate("document.body.style.margin = 0")
    bar = await add(page, **({} if variant == "bar" else {"variant": variant}))
    await page.wait_for_function(
        "variant => variant === 'bar' || a.shadowRoot.adoptedStyleSheets.length > 1", arg=variant
    )
    return bar, await wire.link()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("width", [140, 320, 1400])
@pytest.mark.parametrize("variant", VARIANTS)
async def test_every_form_fits_its_place(open_page, variant, width, direction):
    page = await open_page(viewport={"width": width, "height": 900})
    wire = await Wire.of(page)
    bar, link = await opened(page, wire, variant)
    await page.evaluate("direction => { document.dir = direction }", direction)
    for version, (state, fields) in enumerate(STATES.items(), start=1):
        link.send(event(version=version, state=state, **fields))
        await expect(bar).to_have_attribute("state", state.lower())
        await page.wait_for_function("version => !undrawn.has('a')")
        boxes = await page.evaluate(BOXES)
        assert min(left for left, _ in boxes) >= -1
        assert max(right for _, right in boxes) <= width + 1
        await expect(part(bar, "message")).to_be_visible()
        await expect(part(bar, "bar")).to_be_visible()


@pytest.mark.parametrize("variant", VARIANTS)
async def test_every_form_is_a_progressbar_with_its_value(page, wire, variant):
    bar, link = await opened(page, wire, variant)
    link.send(event(current=1, total=4, description="Importing"))
    named = bar.get_by_role("progressbar", name="Importing")
    await expect(named).to_have_attribute("aria-valuenow", "25")
    await expect(named).to_have_attribute("aria-valuetext", "25%, 1 of 4")
    await expect(part(bar, "percent")).to_be_visible()


async def test_the_form_can_change_while_the_task_runs(page, wire):
    bar, link = await opened(page, wire, "ring")
    link.send(event(current=1, total=4))
    await expect(part(bar, "bar")).to_have_css("border-radius", "50%")
    await page.evaluate("() => { a.variant = null }")
    await expect(part(bar, "bar")).to_have_css("height", "8px")
    await page.evaluate("() => { a.variant = 'compact' }")
    await expect(part(bar, "label")).to_be_hidden()


async def test_a_bar_in_its_usual_form_loads_no_other(page, wire):
    loaded = []
    page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    bar, link = await opened(page, wire, "bar")
    link.send(event(version=1, current=1, total=4))
    await expect(part(bar, "percent")).to_have_text("25%")
    assert set(loaded) & {"variants.js", "patterns.js", "cancel.js", "sheets.js"} == set()
    link.send(event(version=2))
    await expect(part(bar, "fill")).to_have_css("mask-image", re.compile("gradient"))
    assert loaded.count("patterns.js") == 1
