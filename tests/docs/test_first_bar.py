"""docs/first-bar.md, typed from top to bottom into bare terminals; a browser sees the bar move."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from tests.support.browser import ARGS, windows
from tests.support.ports import free_port, listens

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/first-bar.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.M | re.S)
FILE = re.compile(r"(?:#|<!--) (mysite/[\w/.]+)(, at the end)?")
PATIENCE = 300  # seconds; pip may have to fetch
KEPT = ("PATH", "HOME", "LANG", "PIP_CONFIG_FILE", "PIP_INDEX_URL", "SSL_CERT_FILE")
MOVES = "Object.values(shown).some((bar) => new Set(bar.map(({ percent }) => percent)).size > 2)"
FIRST = "Object.values(shown)[0].map(({ percent }) => parseInt(percent)).find(Boolean)"


class Terminal:
    """A shell that reads what is typed, and stops at the first command that fails."""

    def __init__(self, folder, name, env):
        self._folder, self._env = folder, env
        self.log = folder / f"{name}.log"

    def __enter__(self):
        with self.log.open("wb") as output:
            self._shell = subprocess.Popen(
                ["bash", "-e"],
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self._shell.pid, number)
                self._shell.wait(10)
        self._shell.stdin.close()

    def type(self, text):
        self._shell.stdin.write(text.encode())
        self._shell.stdin.flush()

    def wait_for(self, ready):
        """Until ``ready()`` is true; fails with what the terminal shows when it ends first."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            ended = self._shell.poll() is not None or time.monotonic() > deadline
            assert not ended, self.log.read_text()
            time.sleep(0.1)


class Reader:
    """Types the page's blocks in order; 6379 and 8000 are other ports here."""

    def __init__(self, stack, folder, wheel):
        constraint = folder / "constraint.txt"  # so that pip takes the checkout for the package
        constraint.write_text(f"channels-progress @ {wheel.as_uri()}\n")
        self._env = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._env |= {"PIP_CONSTRAINT": str(constraint), "PYTHONUNBUFFERED": "1"}
        self._stack, self._folder = stack, folder
        self._ports = {"6379": free_port(), "8000": free_port()}
        self._first = self._open("first")
        self.lines = 0
        self.site = f"http://127.0.0.1:{self._ports['8000']}"

    def type(self, text):
        """Write the file that the block's first line names, or run its commands."""
        for port, other in self._ports.items():
            text = text.replace(port, str(other))
        first, _, rest = text.partition("\n")
        named = FILE.match(first)
        body = rest if named or first.startswith("# terminal") else text
        self.lines += sum(bool(line.strip()) for line in body.splitlines())
        if named:
            self._write(named, body)
        elif body is rest:
            self._serve(self._open(first.removeprefix("# ")), body)
        elif "runserver" in body:
            self._serve(self._first, body)
        else:
            self._run(body)

    def _write(self, named, body):
        path = self._folder / "first-bar" / named[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text((path.read_text() if named[2] else "") + body)

    def _run(self, commands):
        done = self._folder / "done"
        self._first.type(f"{commands}touch {done}\n")
        self._first.wait_for(done.exists)
        done.unlink()

    def _serve(self, terminal, commands):
        terminal.type(commands)
        if "celery" in commands:
            terminal.wait_for(lambda: " ready." in terminal.log.read_text())
        else:
            [port] = [port for port in self._ports.values() if str(port) in commands]
            terminal.wait_for(lambda: listens(port))

    def _open(self, name):
        return self._stack.enter_context(Terminal(self._folder, name, self._env))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The checkout as pip would get it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--quiet", "-w", folder]
    subprocess.run(command, cwd=ROOT, check=True, timeout=PATIENCE)
    return next(folder.glob("*.whl"))


@pytest.mark.timeout(2 * PATIENCE)
async def test_the_bar_moves_when_the_page_is_typed_from_top_to_bottom(
    wheel, chromium, tmp_path, capsys
):
    began = time.monotonic()
    with ExitStack() as stack:
        reader = Reader(stack, tmp_path, wheel)
        for _, text in BLOCKS:
            reader.type(text)
        seconds = await watch_it_move(reader.site, chromium) - began
    assert f"{reader.lines} lines and commands" in PAGE
    with capsys.disabled():
        sys.stdout.write(f"\nFirst bar: {reader.lines} lines typed, moving after {seconds:.0f} s\n")


async def watch_it_move(site, chromium):
    """When it did; after a reload the same bar goes on."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGS)
        async with windows(browser, site) as open_page:
            page = await open_page()
            await page.goto("/")
            await page.get_by_role("button", name="Count").click()
            await page.wait_for_function(MOVES, timeout=60_000)
            moved = time.monotonic()
            await page.reload()
            await page.wait_for_function(MOVES, timeout=60_000)
            assert await page.evaluate(FIRST) > 1
        await browser.close()
    return moved
