"""Watchers that record every broken promise, where a real client would carry on."""

import asyncio
import json
import time
from contextlib import suppress
from urllib.request import urlopen

import websockets

from tests.support import rights
from tests.support.watchers import RemoteWatcher

CLOSED_WITHIN = 5  # seconds from the outcome until the server has closed the socket
NORMAL = 1000  # the code that says so
CUTS = "/cuts/"  # where a web server tells which sockets Daphne cut; as in asgi.py
IN_FLIGHT = 5  # seconds after an unsubscribe in which frames may still be on their way


class Visitor(RemoteWatcher):
    """Watches one task at its own address; ``wrongs`` lists broken promises."""

    def __init__(self, url, *, seed):
        self.wrongs = []
        self.was_cut = False  # Daphne closed with 1000 and dropped the close frame
        self._last = (0, -1)  # the number of a connection, and the version of its newest frame
        self._socket = None
        self._came = time.time()
        super().__init__(url, seed=seed)

    def _take(self, event):
        connection, version = self._last
        if connection == self.connections and event["version"] <= version:
            self.wrongs.append(f"version {event['version']} after {version}")
        self._last = self.connections, event["version"]
        return super()._take(event)

    def abort(self):
        """Vanish without a close frame, as a browser that crashed; call ``close`` right after."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _hear(self, socket):
        self._socket = socket
        over = await super()._hear(socket)
        if over:
            await self._hear_the_end(socket)
        return over

    async def ended(self):
        """Wait until the socket is closed after the outcome."""
        await self._task

    async def _hear_the_end(self, socket):
        began = time.monotonic()
        try:
            async with asyncio.timeout(CLOSED_WITHIN):
                async for text in socket:
                    self.wrongs.append(f"after the outcome: {text}")
        except TimeoutError:
            self.wrongs.append(f"not closed {CLOSED_WITHIN} s after the outcome")
            return
        except websockets.ConnectionClosed:
            pass
        if socket.close_code == NORMAL:
            return
        self.was_cut = await asyncio.to_thread(was_cut, socket, self._came)
        if not self.was_cut:
            waited, error = time.monotonic() - began, socket.protocol.close_exc
            self.wrongs.append(f"{waited:.3f} s after the outcome, at {time.time():.3f}: {error!r}")


def was_cut(socket, since):
    """Whether the server closed with 1000 and Daphne cut the socket nevertheless: see ``cuts``.

    Only then is the server excused: a close that it did not say, or said otherwise, or that was
    lost in another way, is not among them.
    """
    (host, port), own = socket.remote_address[:2], socket.local_address[1]
    with suppress(OSError), urlopen(f"http://{host}:{port}{CUTS}", timeout=30) as answer:
        return any(cut[:2] == [own, NORMAL] and cut[2] >= since for cut in json.load(answer))
    return False


class Collector:
    """One socket that subscribes to many tasks and unsubscribes from some. It never reconnects.

    No fault of the soak is one of the web server, so a socket that closes is a wrong.
    """

    def __init__(self, url):
        self.wrongs = []
        self.subscribed = set()
        self._url = url
        self._versions = {}
        self._outcomes = {}  # task id: a future of the outcome and when it came
        self._left = {}

    async def __aenter__(self):
        self._socket = await websockets.connect(self._url, ping_interval=None)
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_):
        self._hearing.cancel()
        await asyncio.gather(self._hearing, return_exceptions=True)
        await self._socket.close()

    def abort(self):
        """Vanish without a close frame, as a browser that crashed."""
        self._hearing.cancel()
        self._socket.transport.abort()

    async def subscribe(self, task_id):
        self.subscribed.add(task_id)
        self._outcomes[task_id] = asyncio.get_running_loop().create_future()
        await self._say(rights.subscribe(task_id))

    async def unsubscribe(self, task_id):
        await self._say(json.dumps({"type": "unsubscribe", "task_id": task_id}))
        self._left[task_id] = time.monotonic()

    async def outcome(self, task_id, *, within):
        """The outcome and the time of its arrival."""
        async with asyncio.timeout(within):
            return await asyncio.shield(self._outcomes[task_id])

    async def _say(self, frame):
        with suppress(websockets.ConnectionClosed):  # the reader notes it
            await self._socket.send(frame)

    async def _hear(self):
        try:
            async for text in self._socket:
                frame = json.loads(text)
                if frame["type"] == "progress":
                    self._take(frame)
                elif frame["type"] != "ping":
                    self.wrongs.append(text)
        except websockets.ConnectionClosed:
            pass
        self.wrongs.append(f"closed with {self._socket.close_code}")

    def _take(self, event):
        task_id, version = event["task_id"], event["version"]
        if version <= self._versions.get(task_id, -1):
            self.wrongs.append(f"version {version} after {self._versions[task_id]}")
        if time.monotonic() - self._left.get(task_id, time.monotonic()) > IN_FLIGHT:
            self.wrongs.append(f"{task_id} long after it was unsubscribed from")
        if self._outcomes[task_id].done():
            self.wrongs.append(f"after the outcome: {event}")
        elif event["complete"]:
            self._outcomes[task_id].set_result((event, time.time()))
        self._versions[task_id] = version
