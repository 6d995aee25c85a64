"""Table 10: what 200 bars cost the main thread of a page, and the size of the JavaScript.

The way is the real one: recorder, publisher, Redis, web server, websocket, Chromium. The figures
are of the thread's CPU time, since the browser shares its core with what feeds it.
"""

import gzip
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import sync_playwright

from benchmarks.parts.machine import prepare, redis_server, served
from benchmarks.parts.tellers import SECRET
from benchmarks.report import Table, Target, medians
from tests.browser.test_size import BAR, stripped

BARS, RATE = 200, 10
SITE = "benchmarks.parts.browser_site:application"
#: The pages, and how many sockets the bars share.
PAGES = {
    "one socket": "page/1",
    "20 sockets": "page/20",
    "heard and dropped": "bare/20",
}
FLOOR = "heard and dropped"
MOST = {"one socket": 4, "20 sockets": 6}  # times the floor
ROUNDS = 2
SECONDS = 3.0  # a round
WARM = 2  # seconds after the first events
OPENS_WITHIN = 30  # seconds
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
VIEW = {"width": 1200, "height": 900}
FRONTEND = Path(__file__).parents[2] / "frontend"
LATER = ("fallback.js",)
#: How many events and frames there are a second. Events are counted where they are fired.
COUNT = """async (seconds) => {
  let events = 0, frames = 0
  const count = () => events++
  addEventListener("progress", count)
  const began = performance.now()
  for (let now = began; now < began + seconds * 1000; frames++)
    now = await new Promise(requestAnimationFrame)
  removeEventListener("progress", count)
  const passed = (performance.now() - began) / 1000
  return { events: events / passed, frames: frames / passed }
}"""
SHARES = {
    "main thread": "TaskDuration",
    "script": "ScriptDuration",
    "style": "RecalcStyleDuration",
    "layout": "LayoutDuration",
}
NOTE = """Milliseconds of CPU of the page's main thread, and events and frames, a second. A socket
is sent 64 KiB a second, so one shows each bar once a second; 20 let all events through. What the
browser takes to hear as many messages and do nothing is in the last line."""


@contextmanager
def _tasks(env):
    command = [sys.executable, "-m", "benchmarks.parts.browser_tasks", str(BARS), str(RATE)]
    with subprocess.Popen(command, env={**os.environ, **env}, stdin=subprocess.PIPE) as process:
        try:
            yield
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def _chromium():
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise SystemExit("This benchmark needs a browser: install Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        try:
            yield browser
        finally:
            browser.close()


def _durations(session):
    metrics = session.send("Performance.getMetrics")["metrics"]
    return {each["name"]: each["value"] for each in metrics}


def _round(page, session):
    """Milliseconds of the main thread a second, by what they went into; then events and frames."""
    before, began = _durations(session), time.monotonic()
    time.sleep(SECONDS)
    after, passed = _durations(session), time.monotonic() - began
    costs = {name: (after[key] - before[key]) / passed * 1000 for name, key in SHARES.items()}
    return {**costs, **page.evaluate(COUNT, SECONDS)}


def _watched(browser, url):
    """The medians of a page's rounds."""
    page = browser.new_page(viewport=VIEW)
    page.goto(url)
    try:
        page.wait_for_function(
            f"document.querySelectorAll('[state=progress]').length == {BARS}",
            timeout=OPENS_WITHIN * 1000,
        )
    except Late:
        raise SystemExit(f"{url} did not show {BARS} bars in {OPENS_WITHIN} s") from None
    time.sleep(WARM)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    rounds = [_round(page, session) for _ in range(ROUNDS)]
    page.close()
    return medians(rounds)


def _idle(browser):
    """Frames a second of an empty page."""
    page = browser.new_page(viewport=VIEW)
    frames = page.evaluate(COUNT, SECONDS)["frames"]
    page.close()
    return frames


def size(names):
    """Bytes of these files, without comments and compressed."""
    source = "".join(stripped((FRONTEND / name).read_text()) for name in names)
    return len(gzip.compress(source.encode(), 9))


def measured():
    """Table 10."""
    prepare()
    with redis_server() as redis:
        env = {"BENCH_REDIS": f"{redis.connection_url}/0", "BENCH_SECRET": SECRET}
        with served("uvicorn", env, SITE) as process, _chromium() as browser:
            idle = _idle(browser)
            at = f"http://127.0.0.1:{process.port}"
            with _tasks(env):
                pages = {name: _watched(browser, f"{at}/{path}") for name, path in PAGES.items()}
    return _table(pages, idle)


def _table(pages, idle):
    columns = ["", *SHARES, "events", "frames", "frames dropped", "times the floor"]
    table = Table(10, f"A page of {BARS} bars, each told {RATE} events a second", columns, NOTE)
    for name, found in pages.items():
        dropped = max(0.0, 1 - found["frames"] / idle)
        times = found["main thread"] / pages[FLOOR]["main thread"]
        table.rows.append([name, *found.values(), f"{dropped:.0%}", times])
        if name in MOST:
            what = f"browser, {name}: main thread, times a page that hears and drops"
            table.targets.append(Target(what, times, MOST[name]))
    table.note += (
        f"\nJavaScript, gzipped without comments: {size(BAR):,} bytes in every page, and "
        f"{size(LATER):,} where no websocket gets through."
    )
    table.targets.append(Target("browser: bytes of JavaScript, gzipped", size(BAR), 6_000))
    return table
