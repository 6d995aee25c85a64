"""A TCP proxy that fails as networks do: it swallows, delays and cuts."""

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress


class Proxy:
    """Passes bytes between its port and another one, and breaks connections on demand."""

    def __init__(self, port):
        self._to = port
        self._writers = set()
        self._tasks = set()
        self._lossy = set()
        self._delay = 0.0
        self.port = 0

    @asynccontextmanager
    async def running(self):
        """Listen on a free port; when the block ends, cut all open connections."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            server.close()
            self.cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self):
        """Reset every open connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    def swallow(self):
        """From now on accept all bytes on the open connections and drop them."""
        self._lossy = set(self._writers)

    @contextmanager
    def swallowing(self):
        """Swallow on the connections that are open now, and cut them when the block ends."""
        self.swallow()
        lossy = self._lossy
        yield
        for writer in lossy & self._writers:
            writer.transport.abort()

    @contextmanager
    def delayed(self, seconds):
        """Delay each piece by so many seconds, in both directions."""
        self._delay = seconds
        yield
        self._delay = 0.0

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            out_reader, out_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, out_writer}
        await asyncio.gather(self._pass(reader, out_writer), self._pass(out_reader, writer))

    async def _pass(self, reader, writer):
        with suppress(OSError):
            while piece := await reader.read(65536):
                if self._delay:
                    await asyncio.sleep(self._delay)
                if writer not in self._lossy:
                    writer.write(piece)
                    await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        self._writers.discard(writer)
