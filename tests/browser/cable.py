"""A way to the demo that can be cut."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit


class Cable:
    """Carries bytes between its own address and the demo's; ``deaf``, it swallows them."""

    def __init__(self, demo):
        self._demo = urlsplit(demo)
        self._writers = set()
        self._came = asyncio.Condition()
        self.connections = 0
        self.deaf = False

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self):
        """Reset every connection, without a close frame."""
        for writer in self._writers:
            writer.transport.abort()

    async def connected(self, times):
        """Wait until the page has connected this many times."""
        async with self._came, asyncio.timeout(10):
            await self._came.wait_for(lambda: self.connections >= times)

    async def _serve(self, reader, writer):
        async with self._came:
            self.connections += 1
            self._came.notify_all()
        far_reader, far_writer = await asyncio.open_connection(self._demo.hostname, self._demo.port)
        ends = {writer, far_writer}
        self._writers |= ends
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        self._writers -= ends

    async def _carry(self, reader, writer):
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not self.deaf:
                    writer.write(data)
        writer.close()
