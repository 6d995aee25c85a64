"""The whole service, and pages with many bars that share N sockets: /page/N and /bare/N.

A bare page receives what the bars would receive and drops it: the cost of the browser itself.
"""

import os

from progress import configure, make_token
from progress.asgi import application as service

BARS = 200
#: All bars in view, of a window that is 1200 wide and 900 high.
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Bars</title>
<link rel="icon" href="data:,"><style>body {{ display: grid; gap: 4px; font: 10px sans-serif;
grid-template-columns: repeat(10, 1fr) }}</style><body>{bars}
<script type="module" src="/{module}.js"></script>"""
BAR = '<task-progress task-id="{id}" token="{token}" socket="/?batch&{socket}"></task-progress>'
BARE = b"""
const sockets = {}
for (const bar of document.querySelectorAll("task-progress")) {
  const [task_id, token, at] = ["task-id", "token", "socket"].map((name) => bar.getAttribute(name))
  const socket = (sockets[at] ??= new WebSocket(`ws://${location.host}${at}`))
  socket.onmessage = () => {}
  bar.setAttribute("state", "progress")
  const ask = () => socket.send(JSON.stringify({ type: "subscribe", task_id, token }))
  socket.addEventListener("open", ask)
}
"""

configure(
    redis_url=os.environ["BENCH_REDIS"],
    secret=os.environ["BENCH_SECRET"],
    origins=["http://127.0.0.1"],
    subscriptions=BARS,
)


def page(module, sockets):
    """The bars, as the template tag would write them."""
    ids = [f"bar-{number}" for number in range(BARS)]
    bars = [
        BAR.format(id=each, token=make_token(each), socket=number * sockets // BARS)
        for number, each in enumerate(ids)
    ]
    return PAGE.format(bars="\n".join(bars), module=module).encode()


def answer(path):
    """Type and body of what is ours, or None."""
    kind, _, sockets = path.strip("/").partition("/")
    if kind == "bare.js":
        return b"text/javascript", BARE
    if sockets.isdigit():
        return b"text/html", page("bare" if kind == "bare" else "task-progress", int(sockets))
    return None


async def application(scope, receive, send):
    """A page, or the service."""
    ours = answer(scope["path"]) if scope["type"] == "http" else None
    if ours is None:
        await service(scope, receive, send)
        return
    kind, body = ours
    headers = [(b"content-type", kind)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
