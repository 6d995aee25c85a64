"""Turbo's own ways to keep elements and pages: permanent elements, previews, restoration visits."""

import pytest

from tests.frameworks.page import AWAY, EMPTY

pytestmark = pytest.mark.asyncio(loop_scope="session")

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
    await page.window.back()
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
