"""One task's bar in each engine, on a real site, from its first event to its outcome."""

import pytest

from tests.engines.bars import BAR, fired, shows

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_bar_moves_and_fires_success_once(window, site):
    job = site.start()
    await window.goto(f"{site.url}/bar/{job.id}/")
    for percent in (10, 50, 90):
        job.say(percent)
        await shows(window, f"{percent}% Running")
    job.say("success")
    await shows(window, "100% Done")
    assert await fired(window, job.id) == ["progress", "success", "outcome"]


@pytest.mark.slow
async def test_a_failed_task_is_shown_with_its_error(window, site):
    job = site.start()
    await window.goto(f"{site.url}/bar/{job.id}/")
    job.say(30)
    await shows(window, "30% Running")
    job.say("failure")
    await shows(window, "30% No paper.")
    assert await fired(window, job.id) == ["progress", "failure", "outcome"]


async def test_an_outcome_that_was_there_before_the_page_is_no_success(window, site):
    job = site.start()
    await window.goto(f"{site.url}/bar/{job.id}/")
    job.say("success")
    await shows(window, "100% Done")
    await window.goto(f"{site.url}/bar/{job.id}/")
    await shows(window, "100% Done")
    await window.until("() => fired.length")
    assert await fired(window, job.id) == ["outcome"]


@pytest.mark.slow
async def test_the_back_button_leaves_a_page_that_success_redirected_to(window, site):
    job = site.start()
    page = f"{site.url}/bar/{job.id}/"
    await window.goto(page)
    await window.evaluate("() => addEventListener('success', () => { location = '/blank/' })")
    job.say("success")
    await window.until(
        "() => location.pathname === '/blank/' && document.readyState === 'complete'"
    )
    await window.back()
    await window.until("(page) => location.href === page", page)
    await shows(window, "100% Done")
    assert await window.evaluate("() => location.href") == page


@pytest.mark.slow
async def test_a_bar_moves_again_after_the_back_button(window, site):
    job = site.start()
    await window.goto(f"{site.url}/bar/{job.id}/")
    job.say(20)
    await shows(window, "20% Running")
    await window.goto(f"{site.url}/blank/")
    job.say(40)
    await window.back()
    await shows(window, "40% Running")
    job.say(60)
    await shows(window, "60% Running")
    job.say("success")
    await shows(window, "100% Done")


BUTTON = f"() => {BAR}.shadowRoot.querySelector('[part=cancel]:not([hidden])')"
FOCUS = f"() => {BAR}.shadowRoot.activeElement?.getAttribute('part')"


@pytest.mark.slow
async def test_the_cancel_button_cancels_the_task_by_a_click(window, site):
    job = await running(window, site)
    await window.click_on(BUTTON)
    await shows(window, "30% Cancelled")
    assert await fired(window, job.id) == ["progress", "failure", "outcome"]


async def test_the_cancel_button_works_by_keyboard_and_the_focus_stays_at_the_bar(window, site):
    await running(window, site)
    for _ in range(5):
        await window.press("Tab")
        if await window.evaluate(FOCUS) == "cancel":
            break
    await window.press("Enter")
    await shows(window, "30% Cancelled")
    await window.until(f"() => ({FOCUS})() === 'bar'")


async def running(window, site):
    """Show a task that is at 30 % and can be cancelled."""
    job = site.start()
    await window.goto(f"{site.url}/bar/{job.id}/")
    job.say(30)
    await shows(window, "30% Running")
    await window.until(f"() => !!({BUTTON})()")
    return job
