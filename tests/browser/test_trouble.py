"""Five jobs at once: one fails, one is retried, one has no known total."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.jobs_page import JobsPage
from tests.support.browser import windows

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROWS = b"name,email,city,joined\nAda Baker,ada@example.org,Lima,2019-03-07\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def jobs_page(browser, demo):
    """The page in which the five jobs were started, after all have ended."""
    async with windows(browser, demo) as open_page:
        jobs_page = await JobsPage.opened(await open_page())
        jobs_page.jobs = {
            "retried": await jobs_page.start("Is retried twice"),
            "failed": await jobs_page.start("Fails half way"),
            "unknown": await jobs_page.start("Has no known size"),
            "export": await jobs_page.start("Export all contacts"),
            "import": await jobs_page.upload("five.csv", ROWS),
        }
        for name, job in jobs_page.jobs.items():
            await job.has_state("failure" if name == "failed" else "success")
        yield jobs_page


async def test_five_jobs_share_one_websocket(jobs_page):
    (socket,) = jobs_page.sockets
    assert socket.url.endswith("/ws/progress/?batch")
    for job in jobs_page.jobs.values():
        assert await job.shown()


async def test_a_failed_job_keeps_its_place_and_shows_the_error(jobs_page):
    job = jobs_page.jobs["failed"]
    *_, before, last = await job.shown()
    assert 0.4 < before["value"] <= last["value"] == 0.5  # not every step is sent
    assert (last["state"], last["percent"], last["counts"]) == ("failure", "50%", "20 of 40")
    assert last["message"].startswith("Letter 21 has no address. The first 20 were sent")
    await expect(job.bar.locator("[part=message]")).to_be_visible()


async def test_a_retried_job_shows_the_retry_and_succeeds(jobs_page):
    shown = await jobs_page.jobs["retried"].shown()
    retries = [each for each in shown if each["state"] == "retry"]
    assert ["Attempt 1 failed, retrying" in each["message"] for each in retries] == [True, False]
    assert ["Attempt 2 failed, retrying" in each["message"] for each in retries] == [False, True]
    assert all(each["message"].startswith("The connection broke off") for each in retries)
    *earlier, last = [kind for kind, _ in await jobs_page.jobs["retried"].fired()]
    assert (set(earlier), last) == ({"progress"}, "success")
    assert (shown[-1]["value"], shown[-1]["message"]) == (1, "Done")


async def test_a_job_of_unknown_size_shows_a_count_and_no_percent(jobs_page):
    *running, last = await jobs_page.jobs["unknown"].shown()
    at_work = [each for each in running if each["state"] == "progress"]
    assert {(each["value"], each["percent"]) for each in at_work} == {(None, "")}
    assert len({each["counts"] for each in at_work}) > 10
    assert (last["state"], last["value"], last["message"]) == ("success", 1, "Done")
