"""The server's end of a page's websockets, for frames that no server sends."""

import asyncio
import json

from progress.events import Event, State

PATIENCE = 10  # seconds


class Wire:
    """Takes the place of the demo's websocket; the page's code is not changed."""

    def __init__(self):
        self._links = asyncio.Queue()
        self.count = 0

    @classmethod
    async def of(cls, page):
        """Take over the websockets that the page opens from now on."""
        wire = cls()
        await page.route_web_socket("**/ws/progress/?batch", wire._accept)
        return wire

    def _accept(self, route):
        self.count += 1
        self._links.put_nowait(Link(route))

    async def link(self):
        """The next connection that the page makes."""
        return await asyncio.wait_for(self._links.get(), PATIENCE)


class Link:
    """One connection."""

    def __init__(self, route):
        self._route = route
        self._frames = asyncio.Queue()
        self._code = asyncio.get_running_loop().create_future()
        route.on_message(lambda text: self._frames.put_nowait(json.loads(text)))
        route.on_close(self._hang_up)

    def _hang_up(self, code, _reason):
        if not self._code.done():
            self._code.set_result(code)

    async def next(self):
        """The next frame of the page."""
        return await asyncio.wait_for(self._frames.get(), PATIENCE)

    def send(self, frame):
        """Send an event or any text to the page."""
        self._route.send(frame.text() if isinstance(frame, Event) else frame)

    async def closed(self):
        """Wait until the page closes the connection; return the close code."""
        return await asyncio.wait_for(self._code, PATIENCE)

    async def close(self, code):
        """Close the connection, as a server does."""
        await self._route.close(code=code)


def event(task_id="a", version=1, state=State.PROGRESS, **more):
    """An event as a server sends it."""
    return Event(task_id=task_id, version=version, state=State(state), **more)


def subscribe(task_id, token=None):
    return {"type": "subscribe", "task_id": task_id, "token": token}


def unsubscribe(task_id):
    return {"type": "unsubscribe", "task_id": task_id}
