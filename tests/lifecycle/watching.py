"""Plain clients of the progress: a watcher of many tasks, and the JSON state."""

import asyncio
import json
import time
from collections import defaultdict
from contextlib import suppress

import aiohttp
from yarl import URL

from progress import make_token
from progress.locations import addresses


class Watcher:
    """One socket for many tasks; keeps every frame that came, and comes back after a break."""

    def __init__(self, session, port):
        self._session, self._url = session, f"ws://127.0.0.1:{port}/ws/progress/"
        self.frames = defaultdict(list)  # task id: (when, event)
        self.errors = defaultdict(list)
        self.breaks = 0
        self._wanted = {}
        self._socket = None
        self._task = asyncio.create_task(self._run())

    async def watch(self, task_id):
        self._wanted[task_id] = json.dumps(
            {"type": "subscribe", "task_id": task_id, "token": make_token(task_id)}
        )
        if self._socket is not None:
            with suppress(ConnectionError, aiohttp.ClientError):
                await self._socket.send_str(self._wanted[task_id])

    def newest(self, task_id):
        """What the rule of the protocol leaves of all that came."""
        newest = None
        for _, event in self.frames.get(task_id, ()):
            if newest is None or (not newest["complete"] and event["version"] > newest["version"]):
                newest = event
        return newest

    async def close(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self):
        while True:
            with suppress(aiohttp.ClientError, OSError):
                await self._once()
            self._socket = None
            self.breaks += 1
            await asyncio.sleep(0.2)

    async def _once(self):
        async with self._session.ws_connect(self._url, max_msg_size=0) as socket:
            self._socket = socket  # what is wanted from now on is asked for by itself
            for task_id, frame in list(self._wanted.items()):
                newest = self.newest(task_id)
                if newest is None or not newest["complete"]:
                    await socket.send_str(frame)
                    await asyncio.sleep(0.005)  # 200 frames at once close a socket
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data))

    def _take(self, frame):
        if frame["type"] == "progress":
            self.frames[frame["task_id"]].append((time.time(), frame))
        elif frame["type"] == "error":
            self.errors[frame.get("task_id")].append(frame)


async def look(session, port, right, within=6.0):
    """What somebody who comes late sees of each task id, when it is right or its time is over."""
    watcher = Watcher(session, port)
    for task_id in right:
        await watcher.watch(task_id)
        await asyncio.sleep(0.005)
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and not all(
        _is_right(watcher, *each) for each in right.items()
    ):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    await watcher.close()
    return {task_id: watcher.newest(task_id) for task_id in right}


def _is_right(watcher, task_id, states):
    newest = watcher.newest(task_id)
    return newest is not None and newest["state"] in states


async def state(session, port, task_id):
    """The JSON state, or the status of an answer that has none."""
    where = addresses(f"http://127.0.0.1:{port}/progress", task_id)
    url = URL(where["status_url"], encoded=True)
    async with session.get(url) as answer:
        if answer.status != 200:
            return {"status": answer.status, "text": (await answer.text())[:200]}
        return await answer.json()
