"""Bars in windows, shadow roots and frames, and attributes that change, in each engine."""

from itertools import permutations

import pytest

from tests.engines.bars import ADD, BAR, fired, shows

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Sets attributes one by one, each in a task of its own.
SET = """async ([names, attributes]) => {
  const bar = document.querySelector("task-progress")
  for (const name of names) {
    bar.setAttribute(name, attributes[name])
    await new Promise((done) => setTimeout(done))
  }
}"""
NEST = f"""(attributes) => {{
  const outer = document.body.appendChild(document.createElement("div"))
  const inner = document.createElement("div")
  outer.attachShadow({{ mode: "open" }}).append(inner)
  ;({ADD})(attributes, inner.attachShadow({{ mode: "open" }}))
}}"""
NESTED = "document.querySelector('div').shadowRoot.querySelector('div').shadowRoot.firstChild"
FRAME = """(src) => new Promise((onload) => document.body.append(
  Object.assign(document.createElement("iframe"), { src, onload: () => onload() })))"""
FRAMED = "document.querySelector('iframe').contentDocument.querySelector('task-progress')"
MOVE = f"() => document.body.appendChild(document.createElement('main')).append({BAR})"


@pytest.mark.slow
async def test_two_windows_show_the_same_task(open_window, site):
    job = site.start()
    windows = [await open_window() for _ in range(2)]
    for window in windows:
        await window.goto(f"{site.url}/bar/{job.id}/")
    for word, text in ((40, "40% Running"), ("success", "100% Done")):
        job.say(word)
        for window in windows:
            await shows(window, text)
    for window in windows:
        assert (await fired(window, job.id))[1:] == ["success", "outcome"]


async def test_a_bar_in_nested_shadow_roots_moves_and_its_events_leave_them(window, site):
    job = await added(window, site, NEST)
    job.say(40)
    await shows(window, "40% Running", NESTED)
    job.say("success")
    await shows(window, "100% Done", NESTED)
    assert await fired(window, job.id) == ["progress", "success", "outcome"]


async def test_a_bar_in_a_frame_moves_beside_the_bar_of_the_page(window, site):
    job = await added(window, site)
    await window.evaluate(FRAME, f"/bar/{job.id}/")
    for word, text in ((40, "40% Running"), ("success", "100% Done")):
        job.say(word)
        await shows(window, text)
        await shows(window, text, FRAMED)


@pytest.mark.slow
async def test_a_bar_that_is_moved_in_the_document_goes_on(window, site):
    job = await added(window, site)
    job.say(40)
    await shows(window, "40% Running")
    await window.evaluate(MOVE)
    job.say(50)
    await shows(window, "50% Running")
    job.say("success")
    await shows(window, "100% Done")
    assert await fired(window, job.id) == ["progress", "success", "outcome"]


async def test_attributes_may_be_set_in_any_order(window, site):
    jobs = [site.start(), site.start()]
    jobs[0].say(20)
    jobs[1].say(70)
    await window.goto(f"{site.url}/blank/")
    await window.evaluate("() => document.body.append(document.createElement('task-progress'))")
    await shows(window, "Not started yet")
    for number, names in enumerate(permutations(("task-id", "token", "status"))):
        await window.evaluate(SET, [names, jobs[number % 2].attributes])
        await shows(window, ["20% Running", "70% Running"][number % 2])
    for job in jobs:
        job.say("success")
    await shows(window, "100% Done")


async def test_a_refused_bar_comes_back_with_a_good_token(window, site):
    job = site.start()
    job.say(40)
    await window.goto(f"{site.url}/blank/")
    await window.evaluate(ADD, {**job.attributes, "token": "bad"})
    await window.until("() => fired.some(({ type }) => type === 'refused')")
    await window.evaluate(SET, [["token"], job.attributes])
    await shows(window, "40% Running")
    job.say("success")
    await shows(window, "100% Done")


async def added(window, site, add=ADD):
    """Add the bar of a new task by script, as an application does."""
    job = site.start()
    await window.goto(f"{site.url}/blank/")
    await window.evaluate(add, job.attributes)
    return job
