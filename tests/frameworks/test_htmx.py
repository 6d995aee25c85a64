"""htmx's own ways to keep elements and pages: ``hx-preserve``, and the history."""

import pytest

from tests.frameworks.page import AWAY, EMPTY

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEAVE = "() => document.querySelector('[hx-push-url]').click()"


@pytest.mark.parametrize("version", [2, 4])
async def test_a_preserved_bar_stays_and_goes_on(page, version):
    jobs = page.jobs
    jobs.start(3)
    await page.open(f"htmx{version} hx-preserve")
    marks = {number: {"mark": bar["mark"]} for number, bar in (await page.bars()).items()}
    jobs.show({**dict(reversed(jobs.rows.items())), 4: jobs.task()})
    await page.press()
    await page.is_right(marks)


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("name", ["htmx2 history", "htmx4 history", "htmx4 history cache"])
async def test_a_restored_page_shows_what_happened_meanwhile(page, name, away):
    jobs = page.jobs
    jobs.start(3)
    await page.open(name)
    await page.ends(2)
    await page.window.evaluate(LEAVE)
    await page.window.until(EMPTY)
    await page.window.until(away)
    jobs.end(3)
    await page.back()
    await page.is_right()
