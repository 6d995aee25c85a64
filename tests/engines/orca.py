"""Prints what the screen reader Orca says of a bar, in Firefox and in Chromium.

Run it by ``dbus-run-session -- python -m tests.engines.orca``. It needs Debian's orca,
at-spi2-core, dbus, openbox, xdotool, xvfb, firefox-esr and chromium, but no sound: Orca also
writes its speech to a log.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from websockets import Headers, Response, serve

from tests.support.orca import Orca, chromium, click, firefox, press
from tests.support.processes import ROOT
from tests.support.wire import event

PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Imports</title>
<link rel="icon" href="data:,"><h1>Imports</h1>
<task-progress task-id="a" label="Import"></task-progress>
<script type="module" src="/task-progress.js"></script>"""
WORK = {"total": 100, "current": 42}
WAITS = event(version=1, state="PENDING").text()
WORKS = event(version=2, **WORK).text()
FAILS = event(version=3, state="FAILURE", error="Row 7 has no name.", **WORK).text()
ENDS = event(version=3, state="SUCCESS", total=100, current=100).text()
REFUSED = '{"type": "error", "code": "forbidden", "detail": "no", "task_id": "a"}'
READ = ["ctrl+Home", "Down", "Down", "Down", "Down"]  # the keys that read the page line by line
#: Each life has a page of its own. The server sends a frame, or the user presses keys.
LIVES = [
    [("page loads, task waits", WAITS), ("42%", WORKS), ("user reads", READ), ("done", ENDS)],
    [("page loads, task waits", WAITS), ("user reads", READ), ("42%", WORKS), ("failed", FAILS)],
    [("page loads, refused", REFUSED), ("user reads", READ)],
    [("page loads, 42%", WORKS), ("refused", REFUSED)],
]


def answer(_connection, request):
    """Serve the page and the element's modules; leave websockets to ``serve``."""
    if "Upgrade" in request.headers:
        return None
    file = ROOT / "frontend" / request.path.strip("/")
    kind, body = ("text/javascript", file.read_bytes()) if file.is_file() else ("text/html", PAGE)
    fields = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    return Response(200, "OK", Headers(fields), body)


async def listen(orca, browser, folder):
    """Show all lives in the browser; return each moment with what Orca says then."""
    rows, links = [], asyncio.Queue()

    async def accept(link):
        links.put_nowait(link)
        await link.wait_closed()

    server = serve(accept, "127.0.0.1", 0, process_request=answer)
    async with browser(folder) as goto, server as serving:
        url = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}/page"
        await goto("about:blank")
        click()
        for life in LIVES:
            await orca.said()
            await goto(url)
            link = await links.get()
            for what, action in life:
                rows.append((what, await heard(orca, link, action)))
    return rows


async def heard(orca, link, action):
    """Send the frame, or press the keys; return what Orca says."""
    if isinstance(action, str):
        await link.send(action)
        return spoken(await orca.said())
    lines = []
    for key in action:
        press(key)
        lines += await orca.said()
    return spoken(lines)


def spoken(lines):
    """The lines as one text, without the name of a pressed key and zero-width spaces."""
    words = [line.strip("\u200b") for line in lines if line != "left control"]
    return " / ".join(filter(None, words))


async def main(folder):
    with Orca.running(folder) as orca:
        columns = [await listen(orca, browser, folder) for browser in (firefox, chromium)]
    for (what, one), (_, other) in zip(*columns, strict=True):
        sys.stdout.write(f"| {what} | {one} | {other} |\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        asyncio.run(main(Path(name)))
