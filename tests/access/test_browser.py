"""A real Chromium with the victim's cookie, at pages of other host names.

All names are of one machine, and the cookie is for the whole domain, so that SameSite does not
keep it back: what is tested is that the server looks at the origin, and at its own name.
"""

from contextlib import ExitStack

import pytest
from playwright.async_api import async_playwright

from tests.access.site import Site
from tests.support.browser import ARGS

NAMES = "--host-resolver-rules=MAP *.victim.test 127.0.0.1, MAP rebound.test 127.0.0.1"
#: What a page's websocket hears until it closes; the first event is enough.
HEAR = """url => new Promise((resolve) => {
  const heard = []
  const socket = new WebSocket(url)
  socket.onmessage = ({ data }) => { heard.push(JSON.parse(data).type); socket.close() }
  socket.onclose = ({ code }) => resolve([heard, code])
})"""


@pytest.fixture
def site(tmp_path):
    """A site whose rule allows every signed-in user, so that the cookie is enough."""
    values = {
        "ALLOWED_HOSTS": ["app.victim.test", "evil.victim.test", "trusted.victim.test"],
        "SESSION_COOKIE_DOMAIN": ".victim.test",
        "PROGRESS_PERMISSION": "tests.access.rules.signed_in",
    }
    with ExitStack() as stack:
        yield Site(stack, tmp_path, **values)


@pytest.fixture
async def page(chromium):
    """A browser window; the site answers under any host name."""
    async with async_playwright() as playwright:
        launch = playwright.chromium.launch
        browser = await launch(executable_path=chromium, args=[*ARGS, NAMES])
        yield await browser.new_page()
        await browser.close()


async def heard(page, web, host, to="app.victim.test"):
    """Return the events that a page of that host gets about a task of the site."""
    await page.goto(f"http://{host}:{web.port}/page/")
    return await page.evaluate(HEAR, f"ws://{to}:{web.port}/ws/progress/task-1/")


async def test_a_page_of_another_site_gets_no_event_despite_the_cookie(site, page):
    first, second = site.webs
    await page.goto(f"http://app.victim.test:{first.port}/login/")
    assert (await heard(page, first, "app.victim.test"))[0] == ["progress"]
    assert await heard(page, first, "evil.victim.test") == [["error"], 4403]
    # Of another port, too: a cookie is for all of them.
    await page.goto(f"http://app.victim.test:{second.port}/page/")
    url = f"ws://app.victim.test:{first.port}/ws/progress/task-1/"
    assert await page.evaluate(HEAR, url) == [["error"], 4403]


async def test_a_host_name_rebound_to_the_site_gets_no_event(site, page):
    web = site.webs[0]
    await page.goto(f"http://app.victim.test:{web.port}/login/")
    assert await heard(page, web, "rebound.test", to="rebound.test") == [["error"], 4403]


async def test_a_page_of_a_trusted_origin_gets_events_with_the_same_cookie(site, page):
    """The counter-proof: with a trusted origin, the same page gets events."""
    values = {"CSRF_TRUSTED_ORIGINS": [f"http://trusted.victim.test:{site.webs[0].port}"]}
    web = site.restart(**values)
    await page.goto(f"http://app.victim.test:{web.port}/login/")
    await page.goto(f"http://trusted.victim.test:{web.port}/page/")
    url = f"ws://app.victim.test:{web.port}/ws/progress/task-1/"
    assert (await page.evaluate(HEAR, url))[0] == ["progress"]
