"""The parts and slots that ``custom-elements.json`` names are those of a bar in a page."""

import json

import pytest
from playwright.async_api import expect

from tests.frontend.manifest import PATH
from tests.support.elements import add, part
from tests.support.wire import event

pytestmark = pytest.mark.asyncio(loop_scope="session")

[ELEMENT] = json.loads(PATH.read_text())["modules"][0]["declarations"]
NAMES = """([kind, name]) => [...document.querySelector("task-progress").shadowRoot
  .querySelectorAll(kind)].map((node) => node.getAttribute(name))"""


async def test_the_manifest_has_the_parts_and_slots_of_a_bar(page, wire):
    await page.goto("/blank")
    bar = await add(page, **{"cancel-url": "/cancel/"})
    (await wire.link()).send(event(current=1, total=2))
    await expect(part(bar, "cancel")).to_be_visible()
    parts = await page.evaluate(NAMES, ["[part]", "part"])
    slots = await page.evaluate(NAMES, ["slot", "name"])
    assert {each["name"] for each in ELEMENT["cssParts"]} == set(parts)
    assert {each["name"] for each in ELEMENT["slots"]} == set(slots)
