"""Rows C2, C3, S1 and S2 as a page sees them: a bar in a real Chromium, which goes to sleep too."""

import asyncio
from contextlib import contextmanager

import pytest

from tests.faults.page import SILENCE
from tests.faults.stage import Stage

RETURN = 2  # seconds after a page's return in which it is right
ANSWER = 10  # seconds that a page which woke waits for an answer
HIDDEN = 360  # a page's timers are slow from the fifth minute on
LATEST = "Math.random = () => 0.9"  # the pauses between two attempts are about as long as they get


@pytest.mark.row("C2", within=RETURN)
async def test_c2_a_connection_is_reset_in_the_middle_of_a_task(scenario, browser):
    stage = await reset_twice(scenario, browser)
    took = scenario.took
    await stage.right(within=30)
    scenario.took = took


@pytest.mark.row("C2")
async def test_c2_twin_a_page_does_not_reconnect(scenario, browser):
    with pytest.raises(TimeoutError):
        await reset_twice(scenario, browser, without="retry")


@pytest.mark.row("C2", within=RETURN)
async def test_c2_a_connection_that_repeats_every_event_is_reset(scenario, browser):
    stage = await reset_twice(scenario, browser, script=TWICE)
    took = scenario.took
    await stage.right(within=30)
    scenario.took = took


@pytest.mark.row("C2")
async def test_c2_twin_a_page_accepts_old_events(scenario, browser):
    stage = await reset_twice(scenario, browser, script=TWICE, without="merge")
    with pytest.raises(AssertionError, match="versions rise"):
        await stage.right(within=30)


#: As an answer and the channel layer may say the same.
TWICE = """
const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage")
Object.defineProperty(WebSocket.prototype, "onmessage", {
  set(call) { set.call(this, call && ((event) => { call(event); call(event) })) },
})
"""


async def reset_twice(scenario, browser, **page):
    """The page hears again after each; how long that took at most."""
    stage = await Stage.of(scenario, browser, 6, **page)
    took = []
    for current in (40, 80):
        scenario.fault()
        stage.road.reset()
        await stage.window.hears(within=RETURN)
        scenario.passed()
        took.append(scenario.took)
        await stage.window.reaches(current)
    scenario.took = max(took)
    return stage


@pytest.mark.row("C3", within=RETURN)
async def test_c3_a_page_is_frozen_while_its_task_ends(scenario, browser):
    stage = await freeze(scenario, browser)
    lives = await stage.right(within=RETURN)
    hidden = ["visibilitychange hidden", "freeze hidden", "resume hidden"]
    assert lives == ["pageshow", *hidden, "visibilitychange"]


@pytest.mark.row("C3")
async def test_c3_twin_a_frozen_page_neither_wakes_nor_reconnects(scenario, browser):
    """The browser closes a frozen page's link, so that either would do."""
    stage = await freeze(scenario, browser, without="wake retry")
    await stage.wrong(within=RETURN)


async def freeze(scenario, browser, **page):
    """The page's tab is hidden and frozen while the task ends, then thawed and shown."""
    stage = await Stage.of(scenario, browser, 8, **page)
    async with stage.window.hidden(), stage.window.frozen():
        await stage.ends()
        scenario.fault()
    return stage


@pytest.mark.timeout(600)
@pytest.mark.row("C3", within=RETURN)
async def test_c3_a_page_is_hidden_and_offline_for_6_minutes(scenario, browser):
    stage = await hide_without_network(scenario, browser)
    await stage.right(within=RETURN)


@pytest.mark.timeout(600)
@pytest.mark.row("C3")
async def test_c3_twin_a_hidden_page_does_not_wake(scenario, browser):
    stage = await hide_without_network(scenario, browser, without="wake")
    await stage.wrong(within=RETURN)


async def hide_without_network(scenario, browser, **page):
    """Every attempt of the hidden page is reset, the last one just before it is shown."""
    stage = await Stage.of(scenario, browser, 30, script=LATEST, **page)
    async with stage.window.hidden():
        with stage.road.closed():
            await asyncio.gather(stage.ends(within=60), asyncio.sleep(HIDDEN))
            await stage.window.page.wait_for_event("console", timeout=150_000)
        scenario.fault()
    return stage


@pytest.mark.timeout(600)
@pytest.mark.row("C3", within=RETURN)
async def test_c3_a_hidden_page_receives_nothing_for_6_minutes(scenario, browser):
    stage = await hide_and_swallow(scenario, browser)
    await stage.right(within=RETURN)


@pytest.mark.timeout(600)
@pytest.mark.row("C3")
async def test_c3_twin_a_hidden_page_ignores_silence(scenario, browser):
    stage = await hide_and_swallow(scenario, browser, without="silence")
    await stage.wrong(within=RETURN)


async def hide_and_swallow(scenario, browser, **page):
    """The link falls silent when the page's timers are slow already; then the task ends."""
    stage = await Stage.of(scenario, browser, HIDDEN - 30, **page)
    async with stage.window.hidden():
        await asyncio.sleep(HIDDEN - SILENCE - 5)
        stage.road.swallow()
        await asyncio.gather(stage.ends(within=60), asyncio.sleep(SILENCE + 5))
        scenario.fault()
    return stage


@pytest.mark.timeout(300)
@pytest.mark.row("C3", within=RETURN)
@pytest.mark.parametrize("fault", ["reset", "swallow"])
async def test_c3_the_process_of_a_page_is_stopped_for_2_minutes(scenario, browser, fault):
    stage = await stop(scenario, browser, fault)
    await stage.right(within=RETURN)


@pytest.mark.timeout(300)
@pytest.mark.row("C3")
@pytest.mark.parametrize(("fault", "without"), [("reset", "retry"), ("swallow", "silence")])
async def test_c3_twin_a_stopped_page(scenario, browser, fault, without):
    stage = await stop(scenario, browser, fault, without=without)
    await stage.wrong(within=RETURN)


async def stop(scenario, browser, fault, **page):
    """The processes that run pages stand still while the link fails and the task ends."""
    stage = await Stage.of(scenario, browser, 10, **page)
    async with stage.window.stopped():
        getattr(stage.road, fault)()
        await asyncio.gather(stage.ends(), asyncio.sleep(120))
        scenario.fault()
    return stage


@pytest.mark.row("C3", within=RETURN)
async def test_c3_a_page_enters_the_back_forward_cache_and_returns(scenario, browser):
    stage = await go_away(scenario, browser)
    lives = await stage.right(within=RETURN)
    assert lives[-1] == "pageshow kept"


@pytest.mark.row("C3")
async def test_c3_twin_a_cached_page_does_not_reconnect(scenario, browser):
    """It wakes before it is told that the browser closed its link."""
    stage = await go_away(scenario, browser, without="retry")
    await stage.wrong(within=RETURN)


async def go_away(scenario, browser, **page):
    """The task ends while another page is in the tab; then the browser goes back."""
    stage = await Stage.of(scenario, browser, 8, **page)
    await stage.window.page.goto(f"http://127.0.0.1:{stage.road.port}/elsewhere")
    await stage.ends()
    scenario.fault()
    await stage.window.page.go_back(wait_until="commit")
    return stage


@pytest.mark.row("S1", within=5)
async def test_s1_the_web_server_of_a_page_is_killed_and_restarted(scenario, browser):
    stage = await restart(scenario, browser)
    await stage.right(within=5)


@pytest.mark.row("S1")
async def test_s1_twin_a_page_does_not_reconnect(scenario, browser):
    stage = await restart(scenario, browser, without="retry")
    await stage.wrong(within=5)


async def restart(scenario, browser, **page):
    """The web server is away while the task ends, and comes back on the same port."""
    stage = await Stage.of(scenario, browser, 3, script=LATEST, **page)
    await stage.window.reaches(40)
    stage.web.kill()
    stage.runs()
    await asyncio.to_thread(stage.worker.wait_for, lambda: stage.worker.seconds(stage.task_id))
    await asyncio.to_thread(stage.web.start)
    scenario.fault()
    return stage


@pytest.mark.row("S2", within=SILENCE + 2)
async def test_s2_a_page_leaves_a_frozen_web_server(scenario, browser):
    stage = await Stage.of(scenario, browser, 8, others=1)
    with away(stage):
        scenario.fault()
        await stage.right(within=SILENCE + 2)


@pytest.mark.row("S2")
async def test_s2_twin_a_page_ignores_silence(scenario, browser):
    stage = await Stage.of(scenario, browser, 8, others=1, without="silence")
    with away(stage):
        await stage.wrong(within=SILENCE + 2)


@pytest.mark.row("S2", within=ANSWER + 2)
async def test_s2_a_page_that_becomes_visible_leaves_a_frozen_web_server(scenario, browser):
    stage = await Stage.of(scenario, browser, 8, others=1)
    with away(stage):
        await look_away(stage)
        await stage.right(within=ANSWER + 2)


@pytest.mark.row("S2")
async def test_s2_twin_a_visible_page_does_not_wake(scenario, browser):
    stage = await Stage.of(scenario, browser, 8, others=1, without="wake")
    with away(stage):
        await look_away(stage)
        await stage.wrong(within=ANSWER + 2)


async def look_away(stage):
    """The page is hidden for longer than a server is ever silent, but gives no link up yet."""
    async with stage.window.hidden():
        await asyncio.sleep(30)
        stage.scenario.fault()


@contextmanager
def away(stage):
    """The web server is frozen, and new connections lead to another."""
    stage.road.leads_to(stage.others[0].port)
    with stage.web.frozen():
        stage.runs()
        yield
