"""Watchers that behave better than the plain one, or worse, as twins need them."""

import asyncio
import json
import socket
from contextlib import suppress

import websockets

from tests.support import rights
from tests.support.watchers import RemoteWatcher


def watch(scenario, task_id, *webs, kind=RemoteWatcher, count=3, port=None, **options):
    """Start watchers of that kind for the scenario."""
    urls = [web.url(task_id, port) for web in webs]
    watchers = [kind(*urls, seed=seed, **options) for seed in range(count)]
    scenario.watchers += watchers
    return watchers


class Loyal(RemoteWatcher):
    """Does not reconnect after it lost its connection."""

    async def _hear(self, socket):
        await super()._hear(socket)
        return True


class Brisk(RemoteWatcher):
    """Aborts a lost connection and does not wait for the server's close."""

    async def _hear(self, socket):
        over = await super()._hear(socket)
        if not over:
            socket.transport.abort()
        return over


class Jittered(RemoteWatcher):
    """Reconnects as a page does: after a random part of 0.5 s, 1 s, 2 s and so on."""

    def __init__(self, *urls, seed=0):
        self.waits = []
        super().__init__(*urls, seed=seed)

    async def _watch(self):
        await asyncio.sleep(self._random.uniform(0, 3))  # watchers do not all connect at once
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
    """Reconnects after exactly one second, at the same time as all others."""

    def _wait(self, attempt):
        return 1


class Patient(RemoteWatcher):
    """Waits for ever, however long the server is silent."""

    async def _hear(self, socket):
        with suppress(OSError, websockets.ConnectionClosed):
            async for text in socket:
                if self._take(json.loads(text)):
                    return True
        return False


class Returning(RemoteWatcher):
    """Comes back after an outcome, as a page that is reloaded now and then."""

    async def _hear(self, socket):
        if await super()._hear(socket):
            await asyncio.sleep(0.2)
        return False


class Timed(RemoteWatcher):
    """Records for each event how long it took from the store."""

    def __init__(self, *urls, seed=0):
        self.lags = []
        super().__init__(*urls, seed=seed)

    def _take(self, event):
        complete = super()._take(event)
        if event is self.newest and event["version"]:
            self.lags.append(self.lag)
        return complete


async def stop_reading(web, task_ids):
    """A client that subscribes to these tasks, then reads nothing and has small buffers."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.setblocking(False)
    await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", web.port))
    # With one frame in its queue it stops reading and answers no ping.
    silent = {"max_queue": 1, "ping_interval": None, "compression": None, "close_timeout": 1}
    url = f"ws://127.0.0.1:{web.port}/ws/progress/"
    client = await websockets.connect(url, sock=link, **silent)
    for task_id in task_ids:
        await client.send(rights.subscribe(task_id))
    return client
