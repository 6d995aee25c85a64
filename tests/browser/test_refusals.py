"""A refusal is explained in the page, in an event and on the console; the page can recover."""

import asyncio

import pytest
import pytest_asyncio
from playwright.async_api import expect

from progress.protocol import Reason
from tests.support.elements import add, part
from tests.support.wire import event, subscribe

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTE = "window.refusals = []; addEventListener('refused', ({ detail }) => refusals.push(detail))"
#: What a page notices when its user comes back, from another tab or from a window beside it.
RETURNS = (
    "document.dispatchEvent(new Event('visibilitychange'))",
    "dispatchEvent(new Event('focus'))",
)


class Warnings:
    """The warnings that a page writes to the console."""

    def __init__(self, page):
        self.texts = []
        page.on("console", self._note)

    def _note(self, said):
        if said.type == "warning":
            self.texts.append(said.text)

    async def until(self, words, *, within=5):
        async with asyncio.timeout(within):
            while not any(words in text for text in self.texts):
                await asyncio.sleep(0.02)


@pytest.fixture
def warnings(page):
    return Warnings(page)


@pytest_asyncio.fixture(loop_scope="session")
async def link(page, wire):
    await page.add_init_script(NOTE)
    await page.clock.install()
    await page.goto("/blank")
    await add(page)
    link = await wire.link()
    assert await link.next() == subscribe("a")
    return link


def refusal(code="forbidden", **more):
    fields = "".join(f', "{name}": "{value}"' for name, value in more.items())
    return f'{{"type": "error", "code": "{code}", "detail": "as the server says"{fields}}}'


async def test_a_refusal_is_explained_in_the_page_in_an_event_and_on_the_console(
    page, link, warnings
):
    link.send(refusal(task_id="a", reason="expired_token"))
    message = part(page.locator("#a"), "message")
    await expect(message).to_have_text("Your access has expired. Reload the page")
    await warnings.until("set a new token")
    assert "forbidden expired_token. Task a. as the server says" in warnings.texts[0]
    assert await page.evaluate("refusals") == [
        {
            "code": "forbidden",
            "reason": "expired_token",
            "detail": "as the server says",
            "task_id": "a",
        }
    ]


CODES = {
    4400: ("bad_request", "Progress cannot be shown", "the same version"),
    4401: ("ended", "Your access has ended. Sign in again or reload the page", "signed out"),
    4403: ("forbidden", "You may not see this task", "addresses()"),
    4404: ("not_found", "Progress cannot be shown", "asgi.py"),
}


@pytest.mark.parametrize("code", CODES)
async def test_a_close_code_is_explained_in_words(page, link, warnings, code):
    name, words, remedy = CODES[code]
    await link.close(code)
    await expect(part(page.locator("#a"), "message")).to_have_text(words)
    await warnings.until(remedy)
    (refused,) = await page.evaluate("refusals")
    assert (refused["code"], refused["detail"]) == (name, f"{code}")


async def test_the_error_frame_before_a_close_is_shown_as_the_reason(page, link, warnings):
    link.send(refusal(reason="foreign_origin"))
    await link.close(4403)
    message = part(page.locator("#a"), "message")
    await expect(message).to_have_text("Progress cannot be shown on this site")
    await warnings.until("CSRF_TRUSTED_ORIGINS")
    (refused,) = await page.evaluate("refusals")
    assert (refused["code"], refused["reason"]) == ("forbidden", "foreign_origin")


#: These close the socket with 4429 or 4408, so the page comes back by itself.
WAITING = {
    Reason.USER_CONNECTIONS,
    Reason.ADDRESS_CONNECTIONS,
    Reason.FRAME_RATE,
    Reason.NOTHING_WATCHED,
}
#: Only a request to cancel is refused for this.
CANCELLING = {Reason.OTHER_ACTION}
#: The code of the frame says what to do.
BY_CODE = {Reason.SUBSCRIPTIONS}


@pytest.mark.parametrize("reason", sorted(set(Reason) - WAITING - CANCELLING - BY_CODE))
async def test_each_reason_has_words_for_users_and_a_remedy_for_developers(
    page, link, warnings, reason
):
    link.send(refusal(task_id="a", reason=reason))
    await page.wait_for_function("refusals.length === 1")
    await warnings.until(f"forbidden {reason}. Task a")
    words, (warning,) = part(page.locator("#a"), "message"), warnings.texts
    await expect(words).not_to_have_text("Progress cannot be shown")
    own = warning.partition("as the server says. ")[2]
    assert own
    assert not own.startswith("The token is missing, expired,")  # of the code, not of the reason


async def test_many_refused_bars_warn_once(page, link, warnings):
    for task_id in "bcd":
        await add(page, task_id)
        assert await link.next() == subscribe(task_id)
    await link.close(4403)
    await page.wait_for_function("refusals.length === 4")
    assert len(warnings.texts) == 1


@pytest.mark.parametrize("event_of_return", RETURNS)
async def test_a_refused_bar_tries_again_when_the_user_comes_back(
    page, link, wire, event_of_return
):
    await link.close(4401)
    await page.wait_for_function("refusals.length === 1")
    await page.evaluate(event_of_return)
    again = await wire.link()
    assert await again.next() == subscribe("a")
    again.send(event(current=1, total=2))
    await expect(part(page.locator("#a"), "message")).to_have_text("Running")


async def test_texts_for_refusals_can_be_translated(page, link):
    await page.evaluate(
        """async () => {
          const { TaskProgress } = await import("/static/progress/task-progress.js")
          TaskProgress.words.forbidden = "Verboten"
        }"""
    )
    link.send(refusal(task_id="a"))
    await expect(part(page.locator("#a"), "message")).to_have_text("Verboten")


async def test_a_close_with_4429_is_not_final(page, link, wire):
    await link.close(4429)
    await expect(part(page.locator("#a"), "message")).to_have_text("Reconnecting…")
    await page.clock.fast_forward(29_000)
    assert wire.count == 1
    await page.clock.fast_forward(31_000)
    again = await wire.link()
    assert await again.next() == subscribe("a")
    again.send(event(current=1, total=2))
    await expect(part(page.locator("#a"), "message")).to_have_text("Running")
    assert await page.evaluate("refusals") == []


async def test_a_task_over_the_socket_limit_moves_to_another_socket(page, link, wire):
    await add(page, "b")
    assert await link.next() == subscribe("b")
    link.send(event(current=1, total=2))
    link.send(refusal("too_many", task_id="b"))
    other = await wire.link()
    assert await other.next() == subscribe("b")
    other.send(event("b", current=1, total=4))
    await expect(part(page.locator("#b"), "percent")).to_have_text("25%")
    await add(page, "c")  # the first socket is full from now on
    assert await other.next() == subscribe("c")
    assert await page.evaluate("refusals") == []
