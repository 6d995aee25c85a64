"""A headless Chromium for any test; an error on a page fails the test."""

import shutil
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Each window would start a process for the pop-up of its address bar.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",
)

#: Records in a page what its elements fire (``events``) and what each bar shows after each drawing
#: (``shown[task_id]``). ``undrawn`` has the ids of bars that fired an event and were not drawn
#: since; the element decides when it draws. Each drawing sets the bar's label, so the observer
#: sees also those that change nothing.
SHOWN = """
window.events = []
window.shown = {}
window.undrawn = new Set()
const fired = ({ type, target, detail }) => {
  if (target.localName !== "task-progress") return
  events.push({ type, target, detail })
  undrawn.add(detail.task_id)
}
for (const type of ["progress", "success", "failure"]) addEventListener(type, fired)

const note = (bar) => {
  if (!bar.event) return  // it says that it connects
  const part = (name) => bar.shadowRoot.querySelector(`[part=${name}]`)
  const { task_id } = bar.event
  undrawn.delete(task_id)
  ;(shown[task_id] ??= []).push({
    state: bar.getAttribute("state"),
    value: part("bar").ariaValueNow && part("bar").ariaValueNow / 100,
    percent: part("percent").textContent,
    counts: part("counts").textContent,
    label: part("label").textContent,
    message: part("message").textContent,
  })
}
const drawn = new MutationObserver((changes) =>
  new Set(changes.map(({ target }) => target.getRootNode().host)).forEach(note))
const attach = Element.prototype.attachShadow
Element.prototype.attachShadow = function (options) {
  const root = attach.call(this, options)
  const all = { subtree: true, childList: true, characterData: true, attributes: true }
  if (this.localName === "task-progress") drawn.observe(root, all)
  return root
}
"""

HTML = "text/html"
#: A page of the demo's origin that loads the element's module and nothing else.
BLANK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Blank</title>
<link rel="icon" href="data:,"><body>
<script type="module" src="/static/progress/task-progress.js"></script>"""


@pytest.fixture(scope="session")
def chromium():
    """The path of the installed browser."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        message = f"the browser tests need Chromium: none of {', '.join(NAMES)} is in PATH"
        pytest.fail(message, pytrace=False)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium):
    """One browser for all tests."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def windows(browser, demo, expected=()):
    """Give a function that opens pages; close them all when the block ends.

    Raises AssertionError if a page had an error in its console that ``expected`` does not name.
    """
    contexts, complaints = [], []

    async def open_page(**options):
        # Animations are drawn in software here, and would take CPU time that the jobs need.
        still = {"base_url": demo, "reduced_motion": "reduce"}
        context = await browser.new_context(**{**still, **options})
        contexts.append(context)
        await context.add_init_script(SHOWN)
        await context.route("**/blank", lambda route: route.fulfill(body=BLANK, content_type=HTML))
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{error}"))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        return page

    try:
        yield open_page
    finally:
        for context in contexts:
            await context.close()
    unexpected = [line for line in complaints if not any(words in line for words in expected)]
    assert not unexpected
