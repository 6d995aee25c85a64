"""Watchers of other kinds: wiser than the plain one, or foolish, as the twins need them."""

import asyncio
import json
import socket
from contextlib import suppress

import websockets

from tests.support import rights
from tests.support.watchers import RemoteWatcher


def watch(scenario, task_id, *webs, kind=RemoteWatcher, count=3, port=None, **options):
    """The scenario's watchers, of another kind."""
    urls = [web.url(task_id, port) for web in webs]
    watchers = [kind(*urls, seed=seed, **options) for seed in range(count)]
    scenario.watchers += watchers
    return watchers


class Loyal(RemoteWatcher):
    """Never comes back after its connection was lost."""

    async def _hear(self, socket):
        await super()._hear(socket)
        return True


class Brisk(RemoteWatcher):
    """Waits for no farewell of a server that it takes for lost."""

    async def _hear(self, socket):
        over = await super()._hear(socket)
        if not over:
            socket.transport.abort()
        return over


class Jittered(RemoteWatcher):
    """Comes back as the page does: after any part of half a second, of one, of two…"""

    def __init__(self, *urls, seed=0):
        self.waits = []
        super().__init__(*urls, seed=seed)

    async def _watch(self):
        await asyncio.sleep(self._random.uniform(0, 3))  # they did not all come at once
        attempt = 0
        while True:
            with suppress(OSError, TimeoutError, websockets.WebSocketException):
                async with asyncio.timeout(10):
                    socket = await websockets.connect(self._urls[0], ping_interval=None)
                self.connections += 1
                attempt = 0
                async with socket:
                    if await self._hear(socket):
                        return
            self.waits.append(self._wait(attempt))
            await asyncio.sleep(self.waits[-1])
            attempt += 1

    def _wait(self, attempt):
        return self._random.uniform(0, min(30, 0.5 * 2**attempt))


class Punctual(Jittered):
    """Comes back after a second, as all of its kind do."""

    def _wait(self, attempt):
        return 1


class Patient(RemoteWatcher):
    """Bears any silence."""

    async def _hear(self, socket):
        with suppress(OSError, websockets.ConnectionClosed):
            async for text in socket:
                if self._take(json.loads(text)):
                    return True
        return False


class Timed(RemoteWatcher):
    """Keeps how long each event was on its way from the store."""

    def __init__(self, *urls, seed=0):
        self.lags = []
        super().__init__(*urls, seed=seed)

    def _take(self, event):
        complete = super()._take(event)
        if event is self.newest and event["version"]:
            self.lags.append(self.lag)
        return complete


async def stop_reading(web, task_ids):
    """A client that subscribes to all of these and then reads nothing, with little room for it."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.setblocking(False)
    await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", web.port))
    # With one frame in its queue it reads no further, and answers no ping.
    silent = {"max_queue": 1, "ping_interval": None, "compression": None, "close_timeout": 1}
    url = f"ws://127.0.0.1:{web.port}/ws/progress/"
    client = await websockets.connect(url, sock=link, **silent)
    for task_id in task_ids:
        await client.send(rights.subscribe(task_id))
    return client
