"""The element on a page of the demo's origin that contains nothing else."""

import pytest
from playwright.async_api import expect

from tests.support.browser import BLANK
from tests.support.elements import add, part, settled
from tests.support.wire import event, subscribe, unsubscribe

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_all_fields_of_an_event_are_drawn(page, link):
    bar = page.locator("#a")
    link.send(event(current=12_400, total=50_000, description="Importing"))
    await expect(part(bar, "counts")).to_have_text("12,400 of 50,000")
    await expect(part(bar, "percent")).to_have_text("24%")
    await expect(part(bar, "label")).to_have_text("Importing")
    await expect(part(bar, "message")).to_have_text("Running")
    await expect(part(bar, "bar")).to_have_attribute("aria-valuenow", "24")
    await expect(bar).to_have_attribute("state", "progress")


async def test_events_in_one_frame_are_drawn_each_by_its_own_bar(page, link):
    other = await add(page, "b")
    assert await link.next() == subscribe("b")
    events = [event(current=1, total=4), event("b", current=1, total=2)]
    link.send(f"[{','.join(each.text() for each in events)}]")
    await expect(part(page.locator("#a"), "percent")).to_have_text("25%")
    await expect(part(other, "percent")).to_have_text("50%")


async def test_an_element_that_is_moved_sends_no_frame(page, link):
    await page.evaluate("document.body.appendChild(document.createElement('main')).append(a)")
    await settled(page)
    await add(page, "b")
    assert await link.next() == subscribe("b")
    link.send(event(current=1, total=2))
    await expect(part(page.locator("main #a"), "percent")).to_have_text("50%")


async def test_two_elements_of_one_task_share_a_subscription(page, link):
    link.send(event(current=1, total=2))
    await expect(part(page.locator("#a"), "percent")).to_have_text("50%")
    late = await add(page, "a", id="late")
    await expect(part(late, "percent")).to_have_text("50%")
    await page.evaluate("a.remove()")
    await settled(page)
    link.send(event(version=2, current=2, total=2))
    await expect(part(late, "percent")).to_have_text("99%")
    await page.evaluate("late.remove()")
    assert await link.next() == unsubscribe("a")


async def test_a_changed_task_id_shows_the_other_task(page, link):
    bar = page.locator("#a")
    link.send(event(version=9, current=1, total=2, description="The first"))
    await expect(part(bar, "percent")).to_have_text("50%")
    await page.evaluate("a.setAttribute('task-id', 'b')")
    assert await link.next() == subscribe("b")
    assert await link.next() == unsubscribe("a")
    await expect(part(bar, "percent")).to_have_text("")
    await expect(part(bar, "label")).to_have_text("")
    await expect(bar).not_to_have_attribute("state", "progress")
    link.send(event(version=10, description="Too late"))
    link.send(event("b", version=1, current=1, total=4, description="The second"))
    await expect(part(bar, "percent")).to_have_text("25%")
    await expect(part(bar, "label")).to_have_text("The second")


async def test_the_websocket_closes_with_the_last_element(page, link, wire):
    await page.clock.install()
    await page.evaluate("a.remove()")
    assert await link.next() == unsubscribe("a")
    await page.clock.fast_forward(3_000)
    assert await link.closed() == 1000
    await add(page)
    again = await wire.link()
    assert await again.next() == subscribe("a")


HOSTILE = "<img src=x onerror=document.title='pwned'>"


async def test_text_of_a_task_is_never_html(page, link):
    bar = page.locator("#a")
    link.send(event(description=HOSTILE, state="FAILURE", error=HOSTILE))
    await expect(part(bar, "label")).to_have_text(HOSTILE)
    await expect(part(bar, "message")).to_have_text(HOSTILE)
    assert await bar.locator("img").count() == 0
    assert await page.title() == "Blank"


NO_EVENTS = [
    "",
    "{",
    "null",
    "7",
    "[]",
    '{"type": "ping"}',
    '{"type": "news", "task_id": "a", "version": 3}',
    '{"type": "progress", "task_id": "a"}',
    '{"type": "progress", "task_id": "a", "version": "9", "state": "SUCCESS", "current": 1}',
    '{"type": "progress", "task_id": "a", "version": 9, "state": 5, "current": 1}',
    '{"type": "progress", "task_id": "a", "version": 9, "state": "PROGRESS", "current": null}',
    '{"type": "progress", "task_id": "__proto__", "version": 9, "state": "SUCCESS"}',
    '{"type": "error", "code": "bad_request", "detail": "of no task"}',
]


async def test_a_frame_that_is_not_an_event_changes_nothing(page, link):
    link.send(event(version=1, current=1, total=2))
    for frame in NO_EVENTS:
        link.send(frame)
    link.send(event(version=2, current=3, total=4))
    bar = page.locator("#a")
    await expect(part(bar, "percent")).to_have_text("75%")
    await expect(part(bar, "message")).to_have_text("Running")
    assert await page.evaluate("events.map(({ detail }) => detail.version)") == [1, 2]


async def test_an_older_or_equal_version_is_not_drawn(page, link):
    for version, current in [(5, 5), (5, 1), (4, 2), (6, 6)]:
        link.send(event(version=version, current=current, total=10))
    await expect(part(page.locator("#a"), "percent")).to_have_text("60%")
    assert await page.evaluate("events.map(({ detail }) => detail.current)") == [5, 6]


async def test_the_outcome_is_fired_once_and_no_event_follows(page, link):
    link.send(event(version=1, current=1, total=2))
    link.send(event(version=2, state="FAILURE", current=1, total=2, error="No paper."))
    link.send(event(version=3, state="SUCCESS"))
    link.send(event(version=4, current=2, total=2))
    bar = page.locator("#a")
    other = await add(page, "b")
    link.send(event("b", current=1, total=2))
    await expect(part(other, "percent")).to_have_text("50%")
    await expect(part(bar, "message")).to_have_text("No paper.")
    await expect(part(bar, "bar")).to_have_attribute("aria-valuenow", "50")
    types = await page.evaluate("events.map(({ type, target }) => [type, target.id])")
    assert types == [["progress", "a"], ["failure", "a"], ["progress", "b"]]


async def test_an_element_added_after_the_outcome_shows_it(page, link):
    link.send(event(state="SUCCESS"))
    await expect(page.locator("#a")).to_have_attribute("state", "success")
    late = await add(page, "a", id="late")
    assert await link.next() == subscribe("a")
    link.send(event(state="SUCCESS"))
    await expect(late).to_have_attribute("state", "success")


async def test_a_refusal_is_shown_and_ends_the_subscription(page, link):
    link.send('{"type": "error", "code": "forbidden", "detail": "not yours", "task_id": "a"}')
    bar = page.locator("#a")
    await expect(part(bar, "message")).to_have_text("You may not see this task")
    link.send(event(current=1, total=2))
    other = await add(page, "b")
    assert await link.next() == subscribe("b")
    link.send(event("b", current=1, total=2))
    await expect(part(other, "percent")).to_have_text("50%")
    await expect(part(bar, "percent")).to_have_text("")


async def test_a_stalled_task_is_shown_as_stalled_until_its_next_heartbeat(page, link):
    bar = page.locator("#a")
    link.send(event(version=1, current=1, total=2, stalled=True))
    await expect(bar).to_have_attribute("stalled", "")
    await expect(part(bar, "message")).to_have_text("Worker not responding")
    link.send(event(version=2, current=1, total=2))
    await expect(bar).not_to_have_attribute("stalled", "")
    await expect(part(bar, "message")).to_have_text("Running")


async def test_an_unknown_task_is_shown_as_unknown(page, link):
    link.send(event(version=0, state="UNKNOWN"))
    bar = page.locator("#a")
    await expect(part(bar, "message")).to_have_text("Unknown task")
    assert await part(bar, "bar").get_attribute("aria-valuenow") is None


LANGUAGES = {"en": "12,400 of 50,000", "de": "12.400 of 50.000", "en_US": "12,400 of 50,000"}


async def test_numbers_follow_the_language_of_the_page(page, link):
    for version, (language, counts) in enumerate(LANGUAGES.items()):
        await page.evaluate("language => document.documentElement.lang = language", language)
        link.send(event(version=version, current=12_400, total=50_000))
        await expect(part(page.locator("#a"), "counts")).to_have_text(counts)


async def test_texts_of_the_element_can_be_translated(page, link):
    await page.evaluate(
        """async () => {
          const { TaskProgress } = await import("/static/progress/task-progress.js")
          Object.assign(TaskProgress.words, { counts: "{current} von {total}", PROGRESS: "Läuft" })
        }"""
    )
    link.send(event(current=1, total=2))
    await expect(part(page.locator("#a"), "counts")).to_have_text("1 von 2")
    await expect(part(page.locator("#a"), "message")).to_have_text("Läuft")


async def test_parts_and_custom_properties_style_it(page, link):
    await page.add_style_tag(
        content="""#a { --task-progress-height: 20px; --task-progress-track: rgb(1, 2, 3) }
        #a::part(label) { font-weight: 700 }"""
    )
    link.send(event(current=1, total=2, description="Importing"))
    bar = page.locator("#a")
    await expect(part(bar, "bar")).to_have_css("height", "20px")
    await expect(part(bar, "bar")).to_have_css("background-color", "rgb(1, 2, 3)")
    await expect(part(bar, "label")).to_have_css("font-weight", "700")


async def test_the_result_is_shown_after_success_and_actions_always(page, link):
    await page.evaluate(
        """() => {
          const child = (slot) => Object.assign(document.createElement("a"), { slot, href: "#" })
          const names = ["actions", "result"]
          a.append(...names.map((slot) => Object.assign(child(slot), { textContent: slot })))
        }"""
    )
    actions, result = (page.get_by_role("link", name=name) for name in ("actions", "result"))
    for version, state in enumerate(["PENDING", "PROGRESS", "RETRY"], start=1):
        link.send(event(version=version, state=state))
        await expect(page.locator("#a")).to_have_attribute("state", state.lower())
        await expect(actions).to_be_visible()
        await expect(result).to_be_hidden()
    link.send(event(version=9, state="SUCCESS"))
    await expect(result).to_be_visible()
    await expect(actions).to_be_visible()


async def test_children_that_the_server_wrote_for_pages_without_scripts_disappear(page, link):
    await page.evaluate("a.innerHTML = '<progress></progress> <a href=/s/>State of this task</a>'")
    await expect(page.get_by_role("link")).to_be_hidden()
    await expect(part(page.locator("#a"), "message")).to_have_text("Connecting…")


async def test_a_strict_content_security_policy_is_enough(page, wire):
    async def strict(route):
        policy = {"Content-Security-Policy": "default-src 'self'; img-src data:"}
        headers = {**policy, "Content-Type": "text/html"}
        await route.fulfill(body=BLANK, headers=headers)

    await page.route("**/blank", strict)
    await page.goto("/blank")
    bar = await add(page)
    (await wire.link()).send(event(current=1, total=2))
    await expect(part(bar, "percent")).to_have_text("50%")
    await expect(part(bar, "foot")).to_have_css("display", "flex")


async def test_a_nonce_on_the_script_is_enough_for_all_modules(page, wire):
    async def strict(route):
        headers = {"Content-Security-Policy": "script-src 'nonce-n1'", "Content-Type": "text/html"}
        await route.fulfill(body=BLANK.replace("<script", '<script nonce="n1"'), headers=headers)

    await page.route("**/blank", strict)
    await page.goto("/blank")
    await page.wait_for_function("() => !!customElements.get('task-progress')")
    bar = await add(page)
    link = await wire.link()
    link.send('{"type": "error", "code": "forbidden", "detail": "no", "task_id": "a"}')
    await expect(part(bar, "message")).to_have_text("You may not see this task")  # by a late module
