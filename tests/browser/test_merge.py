"""The merge rule in JavaScript, tested with the same vectors as in Python."""

import json

import pytest

from tests.support.merge import VECTORS, event

pytestmark = pytest.mark.asyncio(loop_scope="session")

TAKEN = """async (pairs) => {
  const { isNewer } = await import("/static/progress/events.js")
  return pairs.map(([current, next]) => isNewer(current, next))
}"""


async def test_the_page_and_python_accept_the_same_events(page):
    await page.goto("/blank")
    pairs = [[wired(vector["current"]), wired(vector["next"])] for vector in VECTORS]
    taken = await page.evaluate(TAKEN, pairs)
    names = [vector["name"] for vector in VECTORS]
    expected = [vector["taken"] for vector in VECTORS]
    assert dict(zip(names, taken, strict=True)) == dict(zip(names, expected, strict=True))


async def test_the_first_event_is_accepted(page):
    await page.goto("/blank")
    assert await page.evaluate(TAKEN, [[None, wired({"state": "UNKNOWN"})]]) == [True]


def wired(values):
    """Return the event as JSON, as the server sends it."""
    return json.loads(event(values).text())
