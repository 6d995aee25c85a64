"""What screen readers announce, and what must be visible."""

import pytest
from playwright.async_api import expect

from tests.browser.jobs_page import JobsPage
from tests.support.elements import add, part
from tests.support.wire import event

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTEN = """() => {
  window.said = []
  const status = a.shadowRoot.querySelector("[role=status], output")
  const listen = () => {
    if (status.textContent && status.ariaLive !== "off") said.push(status.textContent)
  }
  new MutationObserver(listen).observe(status, { childList: true })
}"""


async def test_a_bar_is_a_progressbar_named_after_its_work(page, wire):
    await page.goto("/blank")
    bar = await add(page)
    link = await wire.link()
    link.send(event(version=1, state="PENDING"))
    await expect(bar.get_by_role("progressbar", name="Progress")).to_be_visible()
    link.send(event(version=2, current=1, total=2, description="Importing"))
    named = bar.get_by_role("progressbar", name="Importing")
    await expect(named).to_have_attribute("aria-valuenow", "50")
    await expect(named).to_have_count(1)


LIFE = [
    event(version=1, state="PENDING"),
    event(version=2, state="STARTED"),
    *(event(version=3 + tick, current=tick, total=9, description="Work") for tick in range(9)),
    event(version=20, current=8, total=9, stalled=True, description="Work"),
    event(version=21, state="RETRY", error="No paper.", description="Work"),
    event(version=22, current=1, total=9, description="Work", attempt=2),
    event(version=23, state="SUCCESS", current=9, total=9, description="Work"),
]
ANNOUNCEMENTS = {
    "off": [],
    "end": ["Work: Done"],
    "": [
        "Progress: Running",
        "Work: Worker not responding",
        "Work: No paper. Attempt 1 failed, retrying",
        "Work: Done",
    ],
    "all": [
        "Progress: Running",
        "Work: Worker not responding",
        "Work: No paper. Attempt 1 failed, retrying",
        "Work: Running",
        "Work: Done",
    ],
}


@pytest.mark.parametrize("mode", ANNOUNCEMENTS)
async def test_a_screen_reader_announces_new_states_and_the_end_but_not_each_step(page, wire, mode):
    await page.goto("/blank")
    await add(page, **{"announce": mode} if mode else {})
    await page.evaluate(LISTEN)
    link = await wire.link()
    for version, each in enumerate(LIFE, start=1):
        link.send(each)
        await page.wait_for_function("count => shown.a?.length === count", arg=version)
    assert await page.evaluate("said") == ANNOUNCEMENTS[mode]
    last = ANNOUNCEMENTS[mode][-1] if ANNOUNCEMENTS[mode] else ""
    await expect(page.get_by_role("status")).to_have_text(last)


async def test_another_task_in_the_same_element_is_not_announced_at_first(page, wire):
    await page.goto("/blank")
    bar = await add(page)
    await page.evaluate(LISTEN)
    link = await wire.link()
    link.send(event(version=1, state="PENDING"))
    link.send(event(version=2, current=1, total=2))
    await expect(part(bar, "percent")).to_have_text("50%")
    outcome = event("b", version=1, state="SUCCESS").text()
    await page.evaluate("text => { a.taskId = 'b'; a.event = text }", outcome)
    await expect(part(bar, "message")).to_have_text("Done")
    assert await page.evaluate("said") in ([], ["Progress: Running"])  # two events may be one frame


@pytest.mark.parametrize("state", ["PENDING", "RETRY", "UNKNOWN", "STARTED", "PROGRESS"])
async def test_only_bars_of_unknown_total_are_animated(page, wire, state):
    await page.goto("/blank")
    bar = await add(page)
    (await wire.link()).send(event(state=state))
    await expect(bar).to_have_attribute("state", state.lower())
    is_busy = "busy" in await part(bar, "body").get_attribute("class")
    assert is_busy is (state in {"STARTED", "PROGRESS"})
    assert await part(bar, "bar").get_attribute("aria-valuenow") is None


async def test_the_page_fits_a_phone(open_page):
    page = await open_page(viewport={"width": 375, "height": 667})
    jobs = await JobsPage.opened(page)
    job = await jobs.upload("word" * 20 + ".csv", b"x" * 300)
    await job.has_state("failure")
    assert await page.evaluate("document.documentElement.scrollWidth") == 375
    for box in [await job.item.bounding_box(), await part(job.bar, "bar").bounding_box()]:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375


COLOURS = """() => ({
  page: getComputedStyle(document.body).backgroundColor,
  text: getComputedStyle(document.querySelector(".job h3")).color,
  bar: getComputedStyle(document.querySelector(".job task-progress").shadowRoot
    .querySelector("[part=fill]")).backgroundColor,
})"""


async def test_the_dark_scheme_has_other_colours_than_the_light_one(page):
    jobs = await JobsPage.opened(page)
    await (await jobs.start("Export all contacts")).has_state("success")
    schemes = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        schemes.append(await page.evaluate(COLOURS))
    for light, dark in zip(*(colours.items() for colours in schemes), strict=True):
        assert light != dark
