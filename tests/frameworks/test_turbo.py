"""Turbo's own ways to keep elements and pages: permanent elements, previews, restoration visits."""

import pytest

from tests.frameworks.page import AWAY, EMPTY

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Does with the item of a job, as the server writes it now, what a stream says.
STREAM = """async ([attributes, id]) => {
  const text = await (await fetch("")).text()
  const item = new DOMParser().parseFromString(text, "text/html").getElementById(id)
  Turbo.renderStreamMessage(
    `<turbo-stream ${attributes}><template>${item?.outerHTML}</template></turbo-stream>`)
}"""
VISIT = "(where) => void Turbo.visit(where)"


@pytest.mark.parametrize("how", ["refresh", "visit"])
async def test_a_permanent_bar_stays_and_goes_on(page, how):
    jobs = page.jobs
    jobs.start(3)
    await page.open("turbo data-turbo-permanent")
    marks = {number: {"mark": bar["mark"]} for number, bar in (await page.bars()).items()}
    jobs.show({**jobs.rows, 4: jobs.task()})
    if how == "refresh":
        await page.press()
    else:
        await page.window.evaluate(VISIT, "?other")
    await page.is_right(marks)


@pytest.mark.parametrize("away", AWAY)
async def test_a_restored_page_shows_what_happened_meanwhile(page, away):
    jobs = page.jobs
    jobs.start(3)
    await page.open("turbo")
    await page.ends(2)
    await page.window.evaluate(VISIT, "?empty")
    await page.window.until(EMPTY)
    await page.window.until(away)
    jobs.end(3)
    await page.back()
    await page.is_right()


async def test_a_preview_and_the_page_after_it_show_each_bar_right(page):
    jobs = page.jobs
    jobs.start(3)
    await page.open("turbo")
    tokens = {number: {"token": bar["token"]} for number, bar in (await page.bars()).items()}
    await page.window.evaluate(VISIT, "?empty")
    await page.window.until(EMPTY)
    jobs.show({**jobs.rows, 2: jobs.task(), 4: jobs.task()})
    await page.window.evaluate(VISIT, ".")
    await page.is_right(tokens)


async def test_streams_change_append_and_remove_bars(page):
    jobs = page.jobs
    jobs.start(3)
    await page.open("turbo")
    before = await page.bars()
    jobs.show({1: jobs.task(), 2: jobs.rows[2], 4: jobs.task()})
    for attributes, item in (
        ('action="replace" method="morph" target="job-1"', "job-1"),
        ('action="replace" target="job-2"', "job-2"),
        ('action="remove" target="job-3"', "job-3"),
        ('action="append" target="jobs"', "job-4"),
    ):
        await page.window.evaluate(STREAM, [attributes, item])
    await page.is_right({1: before[1], 2: {"token": before[2]["token"]}})
