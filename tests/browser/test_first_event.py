"""The event that the server writes into the page is drawn at once, and is no news."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.test_refusals import Warnings
from tests.support.browser import HTML
from tests.support.elements import add, part, settled
from tests.support.wire import event, subscribe

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: A page whose elements are in its HTML; the module comes later.
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Blank</title>
<link rel="icon" href="data:,"><body>{}
<script type="module" src="/static/progress/task-progress.js"></script>"""
#: Records what each element shows in the task in which it is defined, and what it fires.
DEFINED = """
window.fired = []
for (const type of ["progress", "success", "failure", "outcome"])
  addEventListener(type, ({ target }) => target.localName === "task-progress" && fired.push(type))
const define = customElements.define
customElements.define = function (...all) {
  define.apply(this, all)
  const roots = [...document.querySelectorAll("task-progress")].map((bar) => bar.shadowRoot)
  window.first = roots.map((root) => root.querySelector("[part=message]").textContent)
}
"""


def bar(text, task_id="a"):
    quoted = text.replace("&", "&amp;").replace('"', "&quot;")
    return f'<task-progress id="{task_id}" task-id="{task_id}" event="{quoted}"></task-progress>'


async def opened(page, *bars):
    """Open a page with these elements in its HTML."""
    html = PAGE.format("".join(bars))
    await page.add_init_script(DEFINED)
    await page.route("**/blank", lambda route: route.fulfill(body=html, content_type=HTML))
    await page.goto("/blank")
    await page.wait_for_function("() => window.first")


async def test_it_is_drawn_in_the_task_of_the_definition_and_fires_nothing(page, wire):
    await opened(page, bar(event(version=5, current=1, total=4, description="Reading").text()))
    assert await page.evaluate("first") == ["Running"]
    shown = page.locator("#a")
    await expect(part(shown, "percent")).to_have_text("25%")
    await expect(part(shown, "label")).to_have_text("Reading")
    await expect(shown).to_have_attribute("state", "progress")
    link = await wire.link()
    assert await link.next() == subscribe("a")
    assert await page.evaluate("fired") == []
    link.send(event(version=4, current=3, total=4))  # older
    link.send(event(version=6, current=2, total=4))
    await expect(part(shown, "percent")).to_have_text("50%")
    assert await page.evaluate("fired") == ["progress"]


async def test_an_outcome_is_not_subscribed_to_and_is_no_ending(page, wire):
    await opened(page, bar(event(version=5, state="SUCCESS", result={"rows": 5}).text()))
    assert await page.evaluate("first") == ["Done"]
    assert await page.evaluate("a.event.result") == {"rows": 5}
    await add(page, "b")
    link = await wire.link()
    assert await link.next() == subscribe("b")
    assert await page.evaluate("fired") == ["outcome"]


async def test_a_newer_event_is_taken_when_the_page_changes_it(page, wire):
    await opened(page, bar(event(version=5, current=1, total=4).text()))
    shown = page.locator("#a")
    script = "text => a.setAttribute('event', text)"
    await page.evaluate(script, event(version=4, current=3, total=4).text())
    await settled(page)
    await expect(part(shown, "percent")).to_have_text("25%")
    await page.evaluate(script, event(version=6, current=2, total=4).text())
    await expect(part(shown, "percent")).to_have_text("50%")
    await page.evaluate("event => { a.event = event }", json.loads(event(version=7).text()))
    await expect(part(shown, "percent")).to_have_text("")


async def test_a_task_that_ends_by_a_change_of_the_page_fires_success(page, wire):
    await opened(page, bar(event(version=5, current=1, total=4).text()))
    link = await wire.link()
    assert await link.next() == subscribe("a")
    await page.evaluate("text => { a.event = text }", event(version=6, state="SUCCESS").text())
    await expect(part(page.locator("#a"), "message")).to_have_text("Done")
    assert await link.next() == {"type": "unsubscribe", "task_id": "a"}
    assert await page.evaluate("fired") == ["success", "outcome"]


async def test_a_copy_with_an_old_event_does_not_fire_success_again(page, wire):
    """As a page that a framework restores, or that the browser has kept."""
    old = bar(event(version=5, current=1, total=4).text())
    await opened(page, old)
    link = await wire.link()
    assert await link.next() == subscribe("a")
    link.send(event(version=5, current=1, total=4))
    link.send(event(version=6, state="SUCCESS"))
    await expect(part(page.locator("#a"), "message")).to_have_text("Done")
    await page.evaluate("html => { document.body.innerHTML = html }", old)
    assert await link.next() == subscribe("a")
    link.send(event(version=6, state="SUCCESS"))
    await expect(part(page.locator("#a"), "message")).to_have_text("Done")
    assert await page.evaluate("fired") == ["success", "outcome", "outcome"]


async def test_an_outcome_older_than_the_page_fires_no_success_after_an_older_event(page, wire):
    await opened(page, bar(event(version=5, current=1, total=4).text()))
    link = await wire.link()
    assert await link.next() == subscribe("a")
    link.send(event(version=6, state="SUCCESS"))
    await expect(part(page.locator("#a"), "message")).to_have_text("Done")
    assert await page.evaluate("fired") == ["outcome"]


@pytest.mark.parametrize("order", [("taskId", "event"), ("event", "taskId")])
async def test_an_event_of_another_task_is_taken_with_its_id(page, wire, order):
    await opened(page, bar(event(version=5, current=1, total=4).text()))
    values = {"taskId": "b", "event": event("b", version=1, current=3, total=4).text()}
    await page.evaluate(
        "pairs => { for (const [name, value] of pairs) a[name] = value }",
        [[name, values[name]] for name in order],
    )
    await expect(part(page.locator("#a"), "percent")).to_have_text("75%")
    assert await page.evaluate("fired") == []


WRONG = {
    "no JSON": "{",
    "no event": '{"task_id": "a", "state": "SUCCESS"}',
    "null": "null",
    "another task": event("b", current=1, total=2).text(),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_event_is_ignored_with_one_warning(page, wire, name):
    warnings = Warnings(page)
    await opened(page, bar(WRONG[name]), bar(WRONG[name], "c"))
    assert await page.evaluate("first") == ["Connecting…", "Connecting…"]
    await warnings.until("bad_event")
    (await wire.link()).send(event(current=1, total=2))
    await expect(part(page.locator("#a"), "percent")).to_have_text("50%")
    assert len(warnings.texts) == 1
