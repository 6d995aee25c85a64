"""Half way: a reload, and a second window."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.jobs_page import JobsPage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_reloaded_and_a_second_window_go_on_from_where_the_job_is(page, open_page):
    first = await JobsPage.opened(page)
    job = await first.start("Import the sample")
    await job.reaches(0.3)
    second = await open_page()
    await asyncio.gather(page.reload(), second.goto("/"))
    windows = [job, JobsPage(second).job(job.task_id)]
    ends = []
    for each in windows:
        await each.has_state("success")
        await expect(each.outcome).to_contain_text("49,988 rows in, 12 refused.")
        begun, *_, end = await each.shown()
        assert begun["state"] == "progress"
        assert 0.3 <= begun["value"] < 1
        ends.append(end)
    assert ends[0] == ends[1]
