"""A watcher as users write it: it reconnects, keeps newer events, and ends at the outcome."""

import asyncio
import json
import random
import time
from contextlib import asynccontextmanager

import websockets


def describe(event):
    """An event in a few words."""
    if event is None:
        return "nothing"
    counts = f" {event['current']:g} of {event['total'] or 0:g}" if event["current"] else ""
    return event["state"] + (" stalled" if event["stalled"] else "") + counts


async def connected(watchers):
    """Wait until each watcher has seen an event."""
    await asyncio.gather(*(each.until(lambda event: event) for each in watchers))


class RemoteWatcher:
    """Watches one task at one of several addresses; ``events`` has what it saw."""

    def __init__(self, *urls, seed=0):
        self._urls = urls
        self._random = random.Random(seed)
        self.events = []
        self.times = []
        self.arrived = None  # when the newest event came, by the clock on the wall
        self.connections = 0
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._watch())

    @property
    def newest(self):
        return self.events[-1] if self.events else None

    async def until(self, condition, *, within=30):
        """Return the first event, past or future, that fulfils the condition.

        Raises TimeoutError after ``within`` seconds.
        """
        seen = 0
        async with asyncio.timeout(within):
            while True:
                for event in self.events[seen:]:
                    seen += 1
                    if condition(event):
                        return event
                self._news.clear()
                await self._news.wait()

    async def outcome(self, *, within=30):
        return await self.until(lambda event: event["complete"], within=within)

    async def live(self, *, within=30):
        """Wait until ten events came within two seconds; return how many seconds that took.

        So many do not come from looking at the store alone. Only events that are stored from now
        on count: older ones may have waited until this process read them.
        """
        began, now, seen = time.monotonic(), time.time() * 1e6, len(self.events)
        async with asyncio.timeout(within):
            while True:
                arrived = zip(self.times[seen:], self.events[seen:], strict=True)
                times = [at for at, event in arrived if event["version"] >= now]
                if any(late - soon < 2 for soon, late in zip(times, times[9:], strict=False)):
                    return time.monotonic() - began
                self._news.clear()
                await self._news.wait()

    @property
    def lag(self):
        """Seconds between the storing of the newest event and its arrival."""
        return self.arrived - self.newest["version"] / 1e6

    def check(self):
        """Check what must hold for every watcher under every fault."""
        versions = [event["version"] for event in self.events]
        assert versions == sorted(set(versions)), "versions rise"
        complete = [event["complete"] for event in self.events]
        assert complete.count(True) == 1, "the outcome is shown once"
        assert complete[-1], "nothing follows the outcome"

    async def close(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self):
        for attempt in range(1_000_000):
            url = self._urls[attempt % len(self._urls)]
            try:
                async with asyncio.timeout(3):
                    socket = await websockets.connect(url, ping_interval=None)
            except (OSError, TimeoutError, websockets.InvalidHandshake):
                await asyncio.sleep(self._random.uniform(0, 0.5))
                continue
            self.connections += 1
            async with socket:
                if await self._hear(socket):
                    return

    async def _hear(self, socket):
        try:
            while True:
                async with asyncio.timeout(50):  # the server pings after 20 s
                    frame = json.loads(await socket.recv())
                if frame["type"] == "progress" and self._take(frame):
                    return True
        except (OSError, TimeoutError, websockets.ConnectionClosed):
            return False

    def _take(self, event):
        newest = self.newest
        if newest is None or event["version"] > newest["version"]:
            self.events.append(event)
            self.times.append(time.monotonic())
            self.arrived = time.time()
            self._news.set()
        return event["complete"]


class Pulse:
    """Pings a web server every 50 ms and measures how long its event loop takes to answer."""

    def __init__(self, web):
        self._web = web
        self._sent = None
        self._worst = 0.0
        self._busiest = 0.0

    @property
    def worst(self):
        """The longest time without an answer, in seconds."""
        waiting = 0.0 if self._sent is None else time.monotonic() - self._sent
        return max(self._worst, waiting)

    @property
    def busiest(self):
        """The largest share of a core that the server used over 3 s."""
        return self._busiest

    @asynccontextmanager
    async def beating(self):
        url = self._web.url("pulse")
        async with websockets.connect(url, ping_interval=None) as socket:
            tasks = [asyncio.create_task(each) for each in (self._beat(socket), self._weigh())]
            yield self
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            socket.transport.abort()  # it may not answer

    async def _beat(self, socket):
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.05)
            own = time.monotonic() - before - 0.05  # how late this loop is itself
            self._sent = time.monotonic()
            await (await socket.ping())
            self._worst = max(self._worst, time.monotonic() - self._sent - own)
            self._sent = None

    async def _weigh(self):
        while True:
            used, began = self._web.cpu_seconds(), time.monotonic()
            await asyncio.sleep(3)
            used = self._web.cpu_seconds() - used
            self._busiest = max(self._busiest, used / (time.monotonic() - began))
