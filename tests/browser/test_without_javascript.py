"""Without JavaScript, the page works by forms and links."""

import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page):
    page = await open_page(java_script_enabled=False)
    await page.goto("/")
    return page


async def test_a_form_starts_a_job_and_its_bar_links_to_its_state(page):
    await page.get_by_role("button", name="Fails half way").click()
    job = page.locator(".job").first
    await expect(job).to_contain_text("A job that fails")
    await expect(job.get_by_role("progressbar", name="A job that fails")).to_be_visible()
    await job.get_by_role("link", name="State of this task").click()
    state = json.loads(await page.locator("body").inner_text())
    assert f"/progress/{state['task_id']}/" in page.url
    assert state["state"] in {"PENDING", "STARTED", "PROGRESS"}


async def test_an_empty_upload_is_refused_with_a_message(page, expected):
    expected.append("400 (Bad Request)")
    await page.locator("#file").set_input_files(
        {"name": "empty.csv", "mimeType": "text/csv", "buffer": b""}
    )
    await page.get_by_role("button", name="Import this file").click()
    await expect(page.get_by_role("alert")).to_have_text("The file is empty.")
