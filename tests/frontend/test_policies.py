"""A bar does all that it can under strict Content Security Policies, and violates nothing."""

import json
import re

import pytest
from playwright.async_api import expect

from tests.browser.jobs_page import JobsPage
from tests.frontend.conftest import python_of
from tests.support.browser import windows
from tests.support.elements import part
from tests.support.gate import Gate
from tests.support.parts import Server, Web, Worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIDDLEWARE = {
    "5.2": "csp.middleware.CSPMiddleware",
    "6.0": "django.middleware.csp.ContentSecurityPolicyMiddleware",
}
SLOW = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("self", "nonce", "strict-dynamic", "trusted-types", "no-style")
]
#: Errors on the console fail a test.
NOTE = """addEventListener("securitypolicyviolation", (event) =>
  console.error("VIOLATION", event.effectiveDirective, event.blockedURI, event.sample))"""
BLOCKED = ("WebSocket connection to", "403")
#: What a policy forbids: the stylesheet that reserves the room of bars.
FORBIDDEN = {"no-style": ("style-src",)}
PATIENCE = 20_000  # ms


@pytest.fixture(scope="module", params=["5.2", pytest.param("6.0", marks=pytest.mark.slow)])
def web(request, worker, tmp_path_factory):
    middleware = [MIDDLEWARE[request.param], "django.middleware.csrf.CsrfViewMiddleware"]
    settings = {"ROOT_URLCONF": "tests.frontend.policies", "MIDDLEWARE": middleware}
    env = {**worker.env, "TEST_SETTINGS": json.dumps(settings)}
    folder = tmp_path_factory.mktemp("policies")
    with Web(folder, env=env, python=python_of(request.param)) as web:
        yield web


async def check(page, path):
    """The first bar moves, and is cancelled; the second one is refused with words."""
    await page.add_init_script(NOTE)
    await page.goto(path)
    bar, refused = (page.locator("task-progress").nth(number) for number in range(2))
    await expect(part(bar, "percent")).to_have_text(re.compile("[1-9]"), timeout=PATIENCE)
    before = await part(bar, "percent").text_content()
    await expect(part(bar, "percent")).not_to_have_text(before, timeout=PATIENCE)
    message = part(refused, "message")
    await expect(message).to_have_text(re.compile("Reload the page"), timeout=PATIENCE)
    await part(bar, "cancel").click()
    await expect(part(bar, "message")).to_have_text("Cancelled", timeout=PATIENCE)


@pytest.mark.parametrize("policy", ["all", *SLOW])
async def test_a_bar_works_under_a_policy(web, worker, browser, policy):
    async with windows(
        browser, f"http://127.0.0.1:{web.port}", FORBIDDEN.get(policy, ())
    ) as open_page:
        await check(await open_page(), f"/policy/{policy}/{worker.start(1000)}/")


@pytest.mark.parametrize("policy", ["all", *SLOW])
async def test_a_bar_works_under_a_policy_over_plain_http(web, worker, browser, policy):
    expected = BLOCKED + FORBIDDEN.get(policy, ())
    async with (
        Gate(web.port).running() as gate,
        windows(browser, f"http://127.0.0.1:{gate.port}", expected) as open_page,
    ):
        await check(await open_page(), f"/policy/{policy}/{worker.start(1000)}/")


@pytest.fixture
def demo_under_policy(tmp_path):
    """The address of the demo, with a worker and the policy of ``strict_settings``."""
    with Server(tmp_path) as server:
        url = server.url()
        env = {"REDIS_URL": url, "DATA_DIR": tmp_path, "DJANGO_SETTINGS_MODULE": "project.settings"}
        with (
            Web(tmp_path, env=env, module="tests.frontend.strict_demo") as web,
            Worker(tmp_path, broker=url, env=env, app="project.celery"),
        ):
            yield f"http://127.0.0.1:{web.port}"


async def test_the_page_of_the_demo_works_under_a_strict_policy(demo_under_policy, browser):
    async with windows(browser, demo_under_policy) as open_page:
        page = await open_page()
        await page.add_init_script(NOTE)
        jobs = await JobsPage.opened(page)
        job = await jobs.start("Has no known size")
        await job.has_state("progress")
        await job.item.get_by_role("button", name="Cancel").click()
        await job.has_state("revoked")
        export = await jobs.start("Export all contacts")
        await export.has_state("success")
        await expect(export.outcome.get_by_role("link")).to_be_visible()
