"""The sample import in two windows: one is reloaded half way, the other is opened half way."""

import asyncio
import re
from types import SimpleNamespace

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.jobs_page import JobsPage
from tests.support.browser import windows

pytestmark = pytest.mark.asyncio(loop_scope="session")

HALF_WAY = 0.3


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def jobs(browser, demo):
    """The import in both windows after its end, and what was shown before the reload."""
    async with windows(browser, demo) as open_page:
        page, late = await open_page(), await open_page()
        job = await (await JobsPage.opened(page)).start("Import the sample")
        await job.reaches(HALF_WAY)
        before = await job.shown()
        await asyncio.gather(page.reload(), late.goto("/"))
        jobs = {"reloaded": job, "late": JobsPage(late).job(job.task_id)}
        for each in jobs.values():
            await each.has_state("success")
        yield SimpleNamespace(before=before, **jobs)


async def test_one_click_imports_the_sample(jobs):
    values = [each["value"] for each in jobs.before if each["value"] is not None]
    assert values == sorted(values)
    assert len(set(values)) > 5
    counted = [each["counts"] for each in jobs.before if each["state"] == "progress"]
    assert [counts for counts in counted if re.fullmatch(r"\d{1,2},\d{3} of 50,000", counts)]


@pytest.mark.parametrize("window", ["reloaded", "late"])
async def test_a_window_opened_half_way_shows_the_present_state_at_once(jobs, window):
    job = getattr(jobs, window)
    first, *others = await job.shown()
    assert first["state"] == "progress"
    assert HALF_WAY <= first["value"] < 1
    assert len({each["value"] for each in others}) > 5
    assert others[-1]["percent"] == "100%"
    assert others[-1]["message"] == "Done"


@pytest.mark.parametrize("window", ["reloaded", "late"])
async def test_a_window_shows_the_refused_rows_and_the_reasons(jobs, window):
    await tells_what_was_refused(getattr(jobs, window))


async def test_a_window_opened_after_the_end_shows_the_outcome(jobs, page):
    await page.goto("/")
    job = JobsPage(page).job(jobs.late.task_id)
    await tells_what_was_refused(job)
    (only,) = await job.shown()
    assert only == (await jobs.late.shown())[-1]


async def test_both_windows_show_the_same_outcome(jobs):
    assert (await jobs.reloaded.shown())[-1] == (await jobs.late.shown())[-1]


async def tells_what_was_refused(job):
    """Check the lines of the shown outcome."""
    await expect(job.outcome).to_contain_text("49,988 rows in, 12 refused.")
    await job.outcome.get_by_text("What was refused, and why").click()
    refusals = job.outcome.get_by_role("listitem")
    await expect(refusals).to_have_count(12)
    await expect(refusals.first).to_be_visible()
    await expect(refusals.first).to_have_text(re.compile("^Line 18 email: .* is not an e-mail"))
