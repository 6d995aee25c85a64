"""The button of a bar that may cancel its task."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.jobs_page import JobsPage
from tests.support.elements import add, part
from tests.support.wire import event

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Site:
    """Answers the page's requests to cancel."""

    def __init__(self, status):
        self.status = status
        self.requests = []

    async def answer(self, route):
        self.requests.append((route.request.method, route.request.headers["authorization"]))
        await route.fulfill(status=self.status, body=json.dumps({}))


async def opened(page, wire, status=202):
    """Open a page with a bar; return it, its Cancel button, its link and the requests to cancel."""
    site = Site(status)
    await page.route("**/cancel-it/", site.answer)
    await page.goto("/blank")
    bar = await add(page, token="first", **{"cancel-url": "/cancel-it/"})
    return bar, part(bar, "cancel"), await wire.link(), site


async def test_the_button_cancels_with_the_newest_token(page, wire):
    bar, button, link, site = await opened(page, wire)
    link.send(event(version=1, current=1, total=2))
    link.send('{"type": "token", "task_id": "a", "token": "renewed"}')
    await expect(button).to_be_visible()
    await button.click()
    await expect(button).to_have_text("Cancelling…")
    await button.dispatch_event("click")
    assert site.requests == [("POST", "Bearer renewed")]
    link.send(event(version=2, state="REVOKED"))
    await expect(button).to_be_hidden()
    await expect(part(bar, "message")).to_have_text("Cancelled")


async def test_the_focus_moves_to_the_bar_when_the_cancel_button_disappears(page, wire):
    bar, button, link, _ = await opened(page, wire)
    link.send(event(version=1, current=1, total=2))
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(button).to_be_focused()
    link.send(event(version=2, state="REVOKED"))
    await expect(part(bar, "bar")).to_be_focused()
    assert await page.evaluate("document.activeElement.id") == "a"


async def test_cancelling_that_fails_can_be_tried_again(page, wire, expected):
    expected.append("503")
    bar, button, link, site = await opened(page, wire, status=503)
    link.send(event(version=1, current=1, total=2))
    await button.click()
    await expect(bar.get_by_role("alert")).to_have_text("Cancelling failed. Try again")
    await expect(button).to_have_text("Cancel")
    site.status = 202
    await button.click()
    await expect(button).to_have_text("Cancelling…")
    await expect(bar.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("state", ["UNKNOWN", "SUCCESS", "FAILURE"])
async def test_a_task_that_cannot_be_cancelled_has_no_button(page, wire, state):
    bar, button, link, _ = await opened(page, wire)
    link.send(event(state=state, error="No." if state == "FAILURE" else None))
    await expect(bar).to_have_attribute("state", state.lower())
    await expect(button).to_be_hidden()


async def test_the_button_is_named_after_the_job(page):
    jobs = await JobsPage.opened(page)
    job = await jobs.start("Has no known size")
    await job.has_state("progress")
    await job.bar.get_by_role("button", name="Cancel A job of unknown size").click()
    await job.has_state("revoked")


async def test_without_scripts_a_form_cancels(open_page):
    page = await open_page(java_script_enabled=False)
    await page.goto("/")
    await page.get_by_role("button", name="Has no known size").click()
    async with page.expect_response("**/cancel/") as response:
        await page.locator(".job").first.get_by_role("button", name="Cancel").click()
    assert (await response.value).status == 303
