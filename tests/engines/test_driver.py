"""The driver that runs the tests of this folder, tried on pages without the element."""

import os

import pytest

from tests.support.engines import ENGINES, PageError, started, windows
from tests.support.engines.machine import processes

pytestmark = pytest.mark.asyncio(loop_scope="session")

EMPTY = "data:text/html,<!doctype html><title>Empty</title>"
BUTTON = "data:text/html,<!doctype html><button onclick='clicks = (window.clicks ?? 0) + 1'>Go"


@pytest.mark.slow
async def test_a_function_gets_json_and_its_promise_is_awaited(window):
    await window.goto(EMPTY)
    later = "(given) => new Promise((done) => setTimeout(() => done({ ...given, b: [2] })))"
    assert await window.evaluate(later, {"a": "ä"}) == {"a": "ä", "b": [2]}
    assert await window.evaluate("() => {}") is None


@pytest.mark.slow
async def test_an_error_of_a_function_is_raised_with_its_text(window):
    await window.goto(EMPTY)
    with pytest.raises(PageError, match="of no use"):
        await window.evaluate("async () => { throw new Error('of no use') }")


CAUSES = ("console.error('wrong')", "throw Error('wrong')", "Promise.reject(Error('wrong'))")


@pytest.mark.slow
@pytest.mark.parametrize("cause", CAUSES)
async def test_an_error_of_a_page_fails_the_test(engine, cause):
    with pytest.raises(AssertionError, match="wrong"):
        await run_script(engine, cause)


async def run_script(engine, text):
    """Run a script of a page, whose errors are the page's own."""
    async with windows(engine) as open_window:
        window = await open_window()
        await window.goto(EMPTY)
        await window.evaluate(
            "(text) => void document.head.append("
            "Object.assign(document.createElement('script'), { text }))",
            text,
        )
        await window.evaluate("() => new Promise((done) => setTimeout(done))")


@pytest.mark.slow
async def test_a_window_is_drawn_at_its_size(window):
    await window.goto(EMPTY)
    await window.resize(700, 500)
    await window.until("() => innerWidth === 700 && innerHeight === 500")
    image = await window.screenshot()
    width, height = (int.from_bytes(image[start : start + 4]) for start in (16, 20))
    assert (width, height) == (700, 500)


@pytest.mark.slow
async def test_keys_and_clicks_reach_the_page(window):
    await window.goto(BUTTON)
    await window.click_on("() => document.querySelector('button')")
    await window.press("Enter")
    await window.press(" ")
    assert await window.evaluate("() => clicks") == 3


@pytest.mark.slow
async def test_all_windows_are_visible(open_window):
    opened = [await open_window() for _ in range(3)]
    for window in opened:
        await window.goto(EMPTY)
    hidden = [await window.evaluate("() => document.hidden") for window in opened]
    assert hidden == [False] * 3


@pytest.mark.slow
async def test_an_engine_leaves_no_process(tmp_path, name):
    async with started(name, tmp_path) as engine, windows(engine) as open_window:
        window = await open_window()
        await window.goto(EMPTY)
        assert processes(tmp_path)
    assert not processes(tmp_path)


async def test_a_missing_browser_is_named_with_the_command_that_installs_it(
    tmp_path, name, monkeypatch
):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(pytest.fail.Exception, match="apt-get install"):
        async with started(name, tmp_path):
            pass


@pytest.fixture(params=ENGINES)
def name(request):
    return request.param
