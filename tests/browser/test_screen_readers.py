"""What assistive technology learns of a bar in every state, and what axe-core finds."""

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.browser import HTML
from tests.support.elements import part
from tests.support.wire import Wire, event

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOCUMENT = Path(__file__).parents[2] / "docs" / "accessibility.md"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>States</title>
<link rel="icon" href="data:,"><main><h1>States</h1></main>
<script type="module" src="/static/progress/task-progress.js"></script>"""
WORK = {"current": 12_400, "total": 50_000, "description": "Importing"}
#: Each state that a bar can show, with its event.
STATES = {
    "no task": None,
    "no event yet": None,
    "waiting": event("waiting", state="PENDING"),
    "working, amount unknown": event("working, amount unknown", current=3, description="Counting"),
    "working": event("working", **WORK),
    "stalled": event("stalled", **WORK, stalled=True),
    "retrying": event("retrying", state="RETRY", error="Busy.", **WORK),
    "no connection": event("no connection", **WORK),
    "done": event("done", state="SUCCESS", **{**WORK, "current": 50_000}),
    "failed": event("failed", state="FAILURE", error="Row 7 has no name.", **WORK),
    "cancelled": event("cancelled", state="REVOKED", **WORK),
    "unknown": event("unknown", state="UNKNOWN", version=0),
    "refused": None,
}
#: Adds a bar; that without a connection asks an address where no websocket is.
ADD = """([id, text]) => {
  const bar = Object.assign(document.createElement("task-progress"), { id })
  if (id !== "no task") bar.taskId = id
  if (id === "no connection") bar.socket = "/nowhere/"
  if (!text) bar.label = "Import"
  if (text) bar.event = text
  document.querySelector("main").append(bar)
}"""
REFUSED = '{"type": "error", "code": "forbidden", "detail": "no", "task_id": "refused"}'
#: The appearance of pages: their colours, and whether they follow the scheme of the user.
THEMES = {
    "white": "background: #fff; color: #1b1f24",
    "grey": "background: #f3f4f6; color: #4b5563",
    "dark": "background: #111; color: #ccc",
    "dark by scheme": "background: #111; color: #ccc; color-scheme: dark",
    "by the browser": "color-scheme: light dark",
}


@pytest_asyncio.fixture(loop_scope="session")
async def states(page, wire, expected):
    """A page with a bar in each state."""
    expected += ["WebSocket connection to", "404"]
    await page.route("**/blank", lambda route: route.fulfill(body=PAGE, content_type=HTML))
    await page.goto("/blank")
    await page.wait_for_function("() => !!customElements.get('task-progress')")
    for name, its in STATES.items():
        await page.evaluate(ADD, [name, its and its.text()])
    (await wire.link()).send(REFUSED)
    words = {"refused": "You may not see this task", "no connection": "Reconnecting…"}
    for name, message in words.items():
        shown = part(page.locator(f"[id='{name}']"), "message")
        await expect(shown).to_have_text(message, timeout=10_000)
    return page


async def tree(page):
    """The progressbars of the accessibility tree: name, value and description of each."""
    session = await page.context.new_cdp_session(page)
    nodes = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    return [
        [node.get(key, {}).get("value", "") for key in ("name", "value", "description")]
        for node in nodes
        if node["role"]["value"] == "progressbar" and not node["ignored"]
    ]


def row(*cells):
    return f"| {' | '.join(f'{cell}' for cell in cells)} |"


async def test_the_table_of_the_documentation_is_what_the_browser_tells(states):
    texts = await states.evaluate(
        """() => [...document.querySelectorAll("task-progress")].map(({ shadowRoot }) => {
          const node = (part) => shadowRoot.querySelector(`[part=${part}]`)
          return [node("icon").textContent, node("bar").ariaValueText ?? ""]
        })"""
    )
    lines = [
        row(state, icon, name, value, text, description)
        for state, (icon, text), (name, value, description) in zip(
            STATES, texts, await tree(states), strict=True
        )
    ]
    table = "\n".join(lines)
    assert table in DOCUMENT.read_text(), f"write this table into {DOCUMENT.name}:\n{table}"


@pytest.fixture
def axe(packages):
    """The text of axe-core."""
    return (packages / "axe-core" / "axe.min.js").read_text()


async def violations(page, axe):
    """What axe-core finds with all its rules, the best practices too."""
    await page.evaluate(axe)
    found = await page.evaluate("() => axe.run().then(({ violations }) => violations)")
    return [[each["id"], *(node["failureSummary"] for node in each["nodes"])] for each in found]


@pytest.mark.parametrize("variant", ["bar", "compact", "inline", "ring"])
async def test_axe_finds_nothing_in_any_state_on_any_background(states, axe, variant):
    await states.evaluate(
        "variant => document.querySelectorAll('task-progress').forEach((bar) =>"
        " { bar.variant = variant })",
        variant,
    )
    for theme in THEMES.values():
        await states.evaluate("style => document.body.setAttribute('style', style)", theme)
        assert await violations(states, axe) == []


async def test_axe_finds_a_planted_violation(states, axe):
    await states.evaluate("document.body.style = 'background: #fff; color: #aaa'")
    assert [name for name, *_ in await violations(states, axe)] == ["color-contrast"]


CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d")
  const light = (colour) => {
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    const linear = (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => linear(part / 255))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
  }
  const fills = [...document.querySelectorAll("task-progress")].map(({ shadowRoot }) =>
    getComputedStyle(shadowRoot.querySelector("[part=fill]")).backgroundColor)
  const pages = ["#fff", "#f3f4f6", "#111"]
  return fills.flatMap((fill) => pages.map((page) => light(fill) / light(page)))
    .map((ratio) => Math.max(ratio, 1 / ratio))
}"""


async def test_every_fill_stands_out_from_white_grey_and_dark_pages(states):
    assert min(await states.evaluate(CONTRAST)) >= 3


async def test_states_differ_without_colour_and_motion(states):
    shown = await states.evaluate(
        """() => [...document.querySelectorAll("task-progress")].map(({ shadowRoot }) => {
          const text = (part) => shadowRoot.querySelector(`[part=${part}]`).textContent
          return [text("icon"), text("message")]
        })"""
    )
    icons = [icon for icon, _ in shown]
    # Both kinds of work have the same icon and words.
    assert len(set(icons)) == len({words for _, words in shown}) == len(STATES) - 1


async def test_only_work_moves(open_page):
    page = await open_page(reduced_motion="no-preference")
    await Wire.of(page)
    await page.route("**/blank", lambda route: route.fulfill(body=PAGE, content_type=HTML))
    await page.goto("/blank")
    await page.wait_for_function("() => !!customElements.get('task-progress')")
    moving = ["waiting", "working, amount unknown", "stalled", "failed", "unknown"]
    for name in moving:
        await page.evaluate(ADD, [name, STATES[name].text()])
    running = """() => [...document.querySelectorAll("task-progress")]
      .filter(({ shadowRoot }) => shadowRoot.getAnimations().some((each) =>
        each instanceof CSSAnimation)).map(({ id }) => id)"""
    await page.wait_for_function(f"() => ({running})().length")
    assert await page.evaluate(running) == ["working, amount unknown"]
    await page.emulate_media(reduced_motion="reduce")
    await page.wait_for_function(f"() => !({running})().length")
