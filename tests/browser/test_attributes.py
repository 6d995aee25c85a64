"""Attributes that change one by one, in any order, as frameworks and morphing libraries do."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.elements import add, part, settled
from tests.support.wire import event, subscribe, unsubscribe

pytestmark = pytest.mark.asyncio(loop_scope="session")

SET = "([name, value]) => a.setAttribute(name, value)"
REFUSED = '{"type": "error", "code": "forbidden", "detail": "no", "task_id": "%s"}'


@pytest_asyncio.fixture(loop_scope="session")
async def link(page, wire):
    """The link of a page with one element, ``#a``, that has a token."""
    await page.goto("/blank")
    await add(page, token="first")
    link = await wire.link()
    assert await link.next() == subscribe("a", "first")
    return link


@pytest.mark.parametrize("order", [("task-id", "token"), ("token", "task-id")])
async def test_attributes_set_one_by_one_take_effect_together(page, link, order):
    values = {"task-id": "b", "token": "second"}
    script = "".join(f"a.setAttribute('{name}', '{values[name]}');" for name in order)
    await page.evaluate(script)
    assert await link.next() == subscribe("b", "second")
    assert await link.next() == unsubscribe("a")


async def test_a_later_token_replaces_the_refused_token(page, link):
    await page.evaluate(SET, ["task-id", "b"])
    assert await link.next() == subscribe("b", "first")
    assert await link.next() == unsubscribe("a")
    await page.evaluate(SET, ["token", "second"])  # before the answer
    await settled(page)
    link.send(REFUSED % "b")
    assert await link.next() == subscribe("b", "second")
    link.send(event("b", current=1, total=2))
    bar = page.locator("#a")
    await expect(part(bar, "percent")).to_have_text("50%")
    await expect(part(bar, "message")).to_have_text("Running")


async def test_a_refused_bar_watches_again_with_a_new_token(page, link):
    link.send(REFUSED % "a")
    bar = page.locator("#a")
    await expect(part(bar, "message")).to_have_text("You may not see this task")
    await page.evaluate(SET, ["token", "second"])
    assert await link.next() == subscribe("a", "second")
    link.send(event(current=1, total=2))
    await expect(part(bar, "message")).to_have_text("Running")


async def test_a_new_token_of_a_bar_that_moves_reaches_the_server(page, link):
    link.send(event(current=1, total=2))
    await expect(part(page.locator("#a"), "percent")).to_have_text("50%")
    await page.evaluate(SET, ["token", "second"])
    assert await link.next() == subscribe("a", "second")
    await expect(part(page.locator("#a"), "percent")).to_have_text("50%")


async def test_a_second_bar_with_a_bad_token_does_not_end_the_first(page, link):
    link.send(event(current=1, total=2))
    await expect(part(page.locator("#a"), "percent")).to_have_text("50%")
    second = await add(page, "a", id="second", token="bad")
    await expect(part(second, "percent")).to_have_text("50%")
    await add(page, "b")
    assert await link.next() == subscribe("b")


async def test_a_renewed_token_survives_a_move_and_a_lost_connection(page, link, wire):
    link.send(event(current=1, total=2))
    link.send('{"type": "token", "task_id": "a", "token": "renewed"}')
    await expect(part(page.locator("#a"), "percent")).to_have_text("50%")
    await page.evaluate("document.body.appendChild(document.createElement('main')).append(a)")
    await settled(page)
    await page.evaluate("Math.random = () => 0.01")
    await link.close(1012)
    again = await wire.link()
    assert await again.next() == subscribe("a", "renewed")


@pytest.mark.parametrize("html", ["<task-progress>", "<task-progress task-id token>"])
async def test_an_element_without_a_task_says_not_started_yet(page, wire, html):
    await page.goto("/blank")
    await page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", html)
    bar = page.locator("task-progress")
    await expect(part(bar, "message")).to_have_text("Not started yet")
    await bar.evaluate(
        "each => (each.setAttribute('task-id', 'a'), each.setAttribute('token', 't'))"
    )
    link = await wire.link()
    assert await link.next() == subscribe("a", "t")
    link.send(event(current=1, total=2))
    await expect(part(bar, "message")).to_have_text("Running")


async def test_a_label_names_the_bar(page, link):
    await page.evaluate(SET, ["label", "Import of May"])
    bar = page.locator("#a")
    link.send(event(version=1, current=1, total=2, description="Reading"))
    await expect(bar.get_by_role("progressbar", name="Import of May")).to_be_visible()
    await expect(part(bar, "label")).to_have_text("Reading")
    link.send(event(version=2, state="SUCCESS"))
    await expect(bar.get_by_role("status")).to_have_text("Import of May: Done")
