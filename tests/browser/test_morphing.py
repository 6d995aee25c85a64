"""Whatever a page does to an element's attributes and children, the element shows the truth."""

import pytest
from playwright.async_api import expect

from tests.support.browser import HTML
from tests.support.elements import add, part, settled
from tests.support.wire import event, subscribe

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: What pages do to an element whose state they do not know.
CHANGES = {
    "the mirrors are removed": "for (const n of ['state', 'stalled']) a.removeAttribute(n)",
    "the mirror is changed": "a.setAttribute('state', 'pending')",
    "all own attributes are removed, one by one, until none is left": """
      const bar = a
      const kept = [...bar.attributes].filter(({ name }) => name !== "state")
      while (bar.attributes.length) bar.removeAttribute(bar.attributes[0].name)
      for (const { name, value } of kept) bar.setAttribute(name, value)""",
    "its children are replaced": "a.replaceChildren(document.createElement('progress'), 'News')",
    "its children are removed": "a.replaceChildren()",
    "its parent gets other children": "document.body.prepend('News'); a.append('News')",
    "it is moved": "document.body.appendChild(document.createElement('main')).append(a)",
    "it is removed and added": "const old = a; old.remove(); document.body.append(old)",
    "it moves to another document and back": """
      const bar = a
      document.implementation.createHTMLDocument().body.append(bar)
      document.body.append(bar)""",
}
LOOK = """() => {
  const node = (name) => a.shadowRoot.querySelector(`[part=${name}]`)
  const { backgroundColor, width } = getComputedStyle(node("fill"))
  const isSuccess = a.matches(":state(success)")
  return [backgroundColor, width, node("message").textContent, a.offsetHeight, isSuccess].join()
}"""


@pytest.mark.parametrize("change", CHANGES)
async def test_a_page_cannot_change_what_an_ended_bar_shows(page, link, change):
    link.send(event(state="SUCCESS", current=4, total=4))
    bar = page.locator("#a")
    await expect(part(bar, "message")).to_have_text("Done")
    before = await page.evaluate(LOOK)
    await page.evaluate(f"() => {{ {CHANGES[change]} }}")
    await settled(page)
    await expect(bar).to_have_attribute("state", "success")
    await page.wait_for_function(f"before => ({LOOK})() === before", arg=before)
    assert before.endswith("true")


#: How pages bring their HTML up to date: scripts by npm, and what calls them.
LIBRARIES = {
    "idiomorph": ("idiomorph/dist/idiomorph.js", "Idiomorph.morph(document.body, html)"),
    "morphdom": ("morphdom/dist/morphdom-umd.js", "morphdom(document.body, html)"),
}
#: As the server wrote the bar before it had ended.
HTML_OF_THE_SERVER = """<body><task-progress id="a" task-id="a" token="second">
<progress></progress> <a href="/s/">State of this task</a></task-progress></body>"""


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_library_that_morphs_the_page_leaves_the_bar_as_it_is(
    page, link, packages, library
):
    name, call = LIBRARIES[library]
    await page.evaluate((packages / name).read_text())
    link.send(event(state="SUCCESS", current=4, total=4))
    bar = page.locator("#a")
    await expect(part(bar, "message")).to_have_text("Done")
    before = await page.evaluate(LOOK)
    await page.evaluate(f"html => {{ {call} }}", HTML_OF_THE_SERVER)
    await expect(bar).to_have_attribute("token", "second")
    await expect(bar).to_have_attribute("state", "success")
    assert await page.evaluate(LOOK) == before


async def test_the_states_are_told_in_attributes_and_as_states(page, link):
    bar = page.locator("#a")
    link.send(event(version=1, current=1, total=2, stalled=True))
    await expect(bar).to_have_attribute("stalled", "")
    assert await page.evaluate("a.matches(':state(progress):state(stalled)')")
    link.send(event(version=2, state="REVOKED"))
    await expect(bar).to_have_attribute("state", "revoked")
    assert await page.evaluate("a.matches(':state(revoked):not(:state(stalled))')")
    assert await bar.get_attribute("stalled") is None


@pytest.mark.parametrize(
    "lacking",
    [
        "delete HTMLElement.prototype.attachInternals",
        "delete ElementInternals.prototype.states",
        "CustomStateSet.prototype.add = () => { throw new SyntaxError('--name') }",
    ],
)
async def test_browsers_without_custom_states_have_the_attributes(page, wire, lacking):
    await page.add_init_script(lacking)
    await page.goto("/blank")
    bar = await add(page)
    (await wire.link()).send(event(current=1, total=2))
    await expect(bar).to_have_attribute("state", "progress")
    await expect(part(bar, "message")).to_have_text("Running")


async def test_a_clone_knows_nothing_and_asks_for_itself(page, link):
    link.send(event(version=1, current=1, total=2))
    await expect(page.locator("#a")).to_have_attribute("state", "progress")
    await page.evaluate(
        "() => { const b = a.cloneNode(true); b.id = 'b'; b.taskId = 'b'; a.after(b) }"
    )
    assert await link.next() == subscribe("b")
    clone = page.locator("#b")
    await expect(part(clone, "message")).to_have_text("Connecting…")
    await expect(clone).not_to_have_attribute("state", "progress")
    link.send(event("b", state="FAILURE", error="No paper."))
    await expect(part(clone, "message")).to_have_text("No paper.")


async def test_an_element_in_the_document_of_a_frame_keeps_its_look(page, link):
    link.send(event(version=1, current=1, total=2))
    bar = page.locator("#a")
    await expect(part(bar, "percent")).to_have_text("50%")
    await page.evaluate(
        "() => { window.moved = a; document.body.append(document.createElement('iframe'));"
        " frames[0].document.body.append(moved) }"
    )
    await page.wait_for_function("() => moved.shadowRoot.adoptedStyleSheets.length")
    inside = page.frame_locator("iframe").locator("#a")
    await expect(part(inside, "head")).to_have_css("display", "flex")
    link.send(event(version=2, state="SUCCESS"))
    await expect(part(inside, "message")).to_have_text("Done")


EARLY = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Blank</title>
<link rel="icon" href="data:,"><body><task-progress id="a" task-id="a"></task-progress>
<script>Object.assign(a, { token: "first", label: "Import of May" })</script>
<script type="module" src="/static/progress/task-progress.js"></script>"""


async def test_properties_set_before_the_definition_count(page, wire):
    await page.route("**/blank", lambda route: route.fulfill(body=EARLY, content_type=HTML))
    await page.goto("/blank")
    bar = page.locator("#a")
    link = await wire.link()
    assert await link.next() == subscribe("a", "first")
    await expect(bar.get_by_role("progressbar", name="Import of May")).to_be_attached()
    link.send(event(current=1, total=2))
    await expect(part(bar, "percent")).to_have_text("50%")
    await page.evaluate("() => { a.token = 'second' }")
    assert await link.next() == subscribe("a", "second")


NAMES = {
    "taskId": "task-id",
    "token": "token",
    "status": "status",
    "socket": "socket",
    "cancelUrl": "cancel-url",
    "label": "label",
    "announce": "announce",
    "variant": "variant",
}


@pytest.mark.parametrize("name", NAMES)
async def test_each_attribute_has_a_property(page, wire, name):
    await page.goto("/blank")
    found = await page.evaluate(
        """async ([property, attribute]) => {
          await customElements.whenDefined("task-progress")
          const bar = document.createElement("task-progress")
          const before = bar[property]
          bar[property] = "value"
          const set = bar.getAttribute(attribute)
          bar.setAttribute(attribute, "other")
          const read = bar[property]
          bar[property] = undefined
          return [before, set, read, bar.hasAttribute(attribute)]
        }""",
        [name, NAMES[name]],
    )
    assert found == [None, "value", "other", False]
