"""Clients that receive reports and note their age: a websocket, and a page that polls."""

import asyncio
import re
import time

from benchmarks.parts.sockets import Socket

WORDS = re.compile(rb'"description": ?"([\d.]+)"')
POLL = 0.5  # seconds between two polls, as in celery-progress
WITHIN = 10  # seconds until a connection is open


class Ages:
    """The age of each report on arrival, in milliseconds."""

    def __init__(self):
        self.ages, self._heard = [], set()
        self.end = lambda: None  # stops the client

    def hear(self, data):
        """Note the age of each new report in these bytes."""
        now = time.monotonic()
        for word in WORDS.findall(data):
            if word not in self._heard:
                self._heard.add(word)
                self.ages.append((now - float(word)) * 1000)


class Listener(Socket):
    """A websocket that notes ages."""

    def __init__(self, path, opened, ages):
        super().__init__(path, opened)
        self._ages = ages

    def data_received(self, data):
        """See ``asyncio.Protocol``."""
        self._ages.hear(data)
        super().data_received(data)


async def listen(port, path):
    """The ages of the reports that a websocket receives from now on."""
    loop, ages = asyncio.get_running_loop(), Ages()
    opened = loop.create_future()
    await loop.create_connection(lambda: Listener(path, opened, ages), "127.0.0.1", port)
    await asyncio.wait_for(opened, WITHIN)
    return ages


async def poll(port, path):
    """The ages of the reports that a page receives that polls every 500 ms."""
    ages = Ages()

    async def ask():
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            ages.hear(await reader.read())
            writer.close()
            await asyncio.sleep(POLL)

    ages.end = asyncio.create_task(ask()).cancel
    return ages
