"""The sample import in three windows: from its start, reloaded half way, opened half way."""

import asyncio
import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import windows
from tests.browser.jobs_page import JobsPage

pytestmark = pytest.mark.asyncio(loop_scope="session")

HALF_WAY = 0.3


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def jobs(browser, demo):
    """The import as each window shows it, when it is over."""
    async with windows(browser, demo) as open_page:
        first, second, late = [await open_page() for _ in range(3)]
        onlooker = await (await JobsPage.opened(first)).start("Import the sample")
        await second.goto("/")
        await onlooker.reaches(HALF_WAY)
        await asyncio.gather(second.reload(), late.goto("/"))
        reloaded, late = (JobsPage(page).job(onlooker.task_id) for page in (second, late))
        jobs = {"onlooker": onlooker, "reloaded": reloaded, "late": late}
        for job in jobs.values():
            await job.has_state("success")
        yield jobs


async def test_the_sample_is_imported_by_one_click(jobs):
    shown = await jobs["onlooker"].shown()
    values = [each["value"] for each in shown if each["value"] is not None]
    assert values == sorted(values)
    assert len(set(values)) > 10
    counted = [each["counts"] for each in shown if each["state"] == "progress"]
    assert [counts for counts in counted if re.fullmatch(r"\d{1,2},\d{3} of 50,000", counts)]
    assert shown[-1]["percent"] == "100%"
    assert shown[-1]["message"] == "Done"


@pytest.mark.parametrize("window", ["reloaded", "late"])
async def test_half_way_a_window_shows_the_present_state_at_once_and_goes_on(jobs, window):
    first, *others = await jobs[window].shown()
    assert first["state"] == "progress"
    assert HALF_WAY <= first["value"] < 1
    assert len({each["value"] for each in others}) > 3
    assert others[-1] == (await jobs["onlooker"].shown())[-1]


async def test_every_window_tells_what_was_refused_and_why(jobs):
    for job in jobs.values():
        await expect(job.outcome).to_contain_text("49,988 rows in, 12 refused.")
        await job.outcome.get_by_text("What was refused, and why").click()
        refusals = job.outcome.get_by_role("listitem")
        await expect(refusals).to_have_count(12)
        await expect(refusals.first).to_be_visible()
        await expect(refusals.first).to_have_text(re.compile("^Line 18 email: .* is not an e-mail"))
