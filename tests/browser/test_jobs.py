"""The demo's jobs, each started by one click and watched to its end."""

import csv
import gzip

import pytest
from playwright.async_api import expect

from tests.browser.jobs_page import JobsPage

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOME_BAD_ROWS = b"""name,email,city,joined
Ada Baker,ada@example.org,Lima,2019-03-07
Nobody,not an address,Porto,2020-10-01
Mei Zhang,mei@example.org,Hanoi,2018-06-15
Short,row@example.org
"""


async def test_bad_rows_of_an_upload_are_reported_and_the_others_imported(page):
    jobs = await JobsPage.opened(page)
    job = await jobs.upload("contacts.csv", SOME_BAD_ROWS)
    await job.has_state("success")
    await expect(job.item).to_contain_text("Import of contacts.csv")
    await expect(job.outcome).to_contain_text("2 rows in, 2 refused.")
    await job.outcome.get_by_text("What was refused, and why").click()
    lines = job.outcome.get_by_role("listitem").locator("b")
    await expect(lines).to_have_text(["Line 3", "Line 5"])


async def test_an_empty_upload_is_refused_with_a_message(page, expected):
    expected.append("400 (Bad Request)")
    jobs = JobsPage(page)
    await page.goto("/")
    before = await page.locator(".job").count()
    await page.locator("#file").set_input_files(
        {"name": "empty.csv", "mimeType": "text/csv", "buffer": b""}
    )
    await page.get_by_role("button", name="Import this file").click()
    await expect(jobs.problem).to_have_text("The file is empty.")
    await expect(page.locator(".job")).to_have_count(before)


async def test_a_job_that_is_cancelled_ends_and_the_next_one_runs(page):
    jobs = await JobsPage.opened(page)
    job = await jobs.start("Has no known size")
    await job.has_state("progress")
    await job.item.get_by_role("button", name="Cancel").click()
    await job.has_state("revoked")
    await expect(job.bar.locator("[part=message]")).to_have_text("Cancelled")
    await expect(job.item.get_by_role("button", name="Cancel")).to_be_hidden()
    after = await jobs.start("Export all contacts")
    await after.has_state("success")


async def test_a_job_is_listed_under_trusted_types(page, expected):
    expected += ["WebSocket connection to", "Failed to load resource"]  # from a page of the test

    async def strict(route):
        response = await route.fetch()
        policy = {"Content-Security-Policy": "require-trusted-types-for 'script'"}
        await route.fulfill(response=response, headers={**response.headers, **policy})

    await page.route(lambda url: url.endswith("/"), strict)
    jobs = await JobsPage.opened(page)
    job = await jobs.start("Export all contacts")
    await expect(job.item).to_contain_text("Export of all contacts")
    await expect(jobs.problem).to_be_hidden()


NO_TABLES = {
    "The file is not UTF-8 text": b"\x89PNG\r\n\x1a\n\0\0\xff\xfe",
    "The first line must be “name,email,city,joined”": b"Dear all,\nplease find attached\n",
    "The file has a header but no rows.": b"name,email,city,joined\n",
}


async def test_an_upload_that_is_not_a_table_fails_with_a_message(page):
    jobs = await JobsPage.opened(page)
    for words, content in NO_TABLES.items():
        job = await jobs.upload("strange.csv", content)
        await job.has_state("failure")
        await expect(job.bar.locator("[part=message]")).to_contain_text(words)
        await expect(job.outcome).to_be_empty()


async def test_an_export_turns_into_a_download(page):
    jobs = await JobsPage.opened(page)
    await (await jobs.upload("contacts.csv", SOME_BAD_ROWS)).has_state("success")
    job = await jobs.start("Export all contacts")
    async with page.expect_download() as download:
        await job.outcome.get_by_role("link", name="Download").click()
    file = await download.value
    assert file.suggested_filename == "contacts.csv.gz"
    with gzip.open(await file.path(), "rt", encoding="utf-8") as text:
        header, *rows = csv.reader(text)
    assert header == ["name", "email", "city", "joined"]
    assert ["Mei Zhang", "mei@example.org", "Hanoi", "2018-06-15"] in rows


async def test_two_of_ten_jobs_run_and_the_others_wait(page):
    jobs = await JobsPage.opened(page)
    ten = await jobs.start_all("Start ten jobs")
    await page.wait_for_function(
        """ids => {
          const bars = ids.map((id) => document.querySelector(`#job-${id} task-progress`))
          const messages = bars.map((bar) => bar.shadowRoot.querySelector("[part=message]"))
          const count = (words) => messages.filter((each) => each.textContent === words).length
          return count("Running") === 2 && count("Waiting for its turn") === 8
        }""",
        arg=[job.task_id for job in ten],
    )
    for job in ten:
        await job.has_state("success")
    assert len(jobs.sockets) == 1
