"""``success`` and ``failure`` are fired once, for outcomes that come while the page is open."""

import time

import pytest
from playwright.async_api import expect

from tests.browser.jobs_page import JobsPage
from tests.support.elements import add
from tests.support.wire import event

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTE = """
window.fired = []
for (const type of ["progress", "success", "failure", "outcome"])
  addEventListener(type, ({ target }) => target.localName === "task-progress" && fired.push(type))
"""
#: The script of the README.
REDIRECT = """
document.addEventListener("success", ({ target, detail }) => {
  if (target.matches("task-progress")) location = "/static/progress/events.js"
})
"""


async def opened(page, wire):
    await page.add_init_script(NOTE)
    await page.goto("/blank")
    await add(page)
    return await wire.link()


def now(seconds=0):
    """Return a version as the server makes it: the time in microseconds."""
    return int((time.time() + seconds) * 1e6)


async def test_an_outcome_older_than_the_page_fires_no_success_or_failure(page, wire):
    link = await opened(page, wire)
    link.send(event(version=now(-60), state="SUCCESS"))
    await expect(page.locator("#a")).to_have_attribute("state", "success")
    assert await page.evaluate("fired") == ["outcome"]


async def test_a_task_that_ends_before_the_first_answer_fires_success(page, wire):
    link = await opened(page, wire)
    link.send(event(version=now(), state="FAILURE", error="No paper."))
    await expect(page.locator("#a")).to_have_attribute("state", "failure")
    assert await page.evaluate("fired") == ["failure", "outcome"]


async def test_a_task_that_ends_while_it_is_watched_fires_success_or_failure(page, wire):
    link = await opened(page, wire)
    link.send(event(version=1, current=1, total=2))
    link.send(event(version=2, state="SUCCESS"))
    await expect(page.locator("#a")).to_have_attribute("state", "success")
    assert await page.evaluate("fired") == ["progress", "success", "outcome"]


async def test_success_is_not_fired_again_by_an_element_that_is_added_later(page, wire):
    link = await opened(page, wire)
    link.send(event(version=now(), state="SUCCESS"))
    await expect(page.locator("#a")).to_have_attribute("state", "success")
    late = await add(page, "a", id="late")  # as after a visit to another view and back
    link.send(event(version=now(), state="SUCCESS"))
    await expect(late).to_have_attribute("state", "success")
    assert await page.evaluate("fired") == ["success", "outcome", "outcome"]


async def test_the_back_button_works_after_a_redirect_on_success(page):
    jobs = await JobsPage.opened(page)
    await page.evaluate(REDIRECT)
    job = await jobs.start("Export all contacts")
    await page.wait_for_url("**/events.js")
    await page.add_init_script(REDIRECT)
    await page.go_back()
    await job.has_state("success")
    await expect(job.outcome.get_by_role("link", name="Download")).to_be_attached()
    assert page.url.endswith("/")
