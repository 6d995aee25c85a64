"""Descriptions and ids stay text in a real browser."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.hostile.words import WORDS
from tests.support.browser import windows
from tests.support.elements import add, part
from tests.support.wire import Wire, event, subscribe

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = {
    "image": "<img src=x onerror=alert(1)>",
    "script": "</script><script>alert(1)</script>",
    "style": "<style>*{display:none}</style>",
    "address": "javascript:alert(1)",
    "attribute": "\" onfocus=alert(1) autofocus x='",
    "slot": "</span><slot onslotchange=alert(1)></slot>",
    "comment": "<!--<svg onload=alert(1)>",
    "template": "{error}{{constructor}}${alert(1)}",
    "entity": "&lt;img&#x3e;",
    "terminal": WORDS["terminal"][1],
    "right to left": "\u202egnp.exe",
    "line separators": "a\u2028b\u2029c",
}


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser, demo):
    """A window in which no dialog may open."""
    async with windows(browser, demo) as open_page:
        page = await open_page()
        dialogs = []

        async def note(dialog):
            dialogs.append(dialog.message)
            await dialog.dismiss()

        page.on("dialog", note)
        yield page
        assert not dialogs


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_page_shows_descriptions_as_text_and_never_as_html(page, name):
    words = HOSTILE[name]
    wire = await Wire.of(page)
    await page.goto("/blank")
    bar = await add(page)
    link = await wire.link()
    assert await link.next() == subscribe("a")
    link.send(event(state="FAILURE", description=words, error=words, result={"url": words}))
    for shown in (part(bar, "label"), part(bar, "message")):
        await expect(shown).to_have_js_property("textContent", words)
        assert await shown.evaluate("each => each.childElementCount") == 0
    assert await bar.evaluate("each => each.event.result") == {"url": words}


async def test_a_page_shows_task_ids_as_text_and_never_as_html(page):
    await Wire.of(page)
    await page.goto("/blank")
    bar = await add(page, HOSTILE["image"], id="bar")
    await expect(bar).to_have_attribute("task-id", HOSTILE["image"])
    assert await page.locator("img").count() == 0
