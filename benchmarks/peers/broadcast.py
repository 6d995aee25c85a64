"""`websockets.broadcast` on websockets' own server: python -m benchmarks.peers.broadcast PORT."""

import asyncio
import sys
from contextlib import suppress

from websockets.asyncio.server import broadcast, serve
from websockets.exceptions import ConnectionClosedError

connections = set()


async def hold(connection):
    """Send what this connection sends to all connections."""
    connections.add(connection)
    try:
        with suppress(ConnectionClosedError):  # the crowd goes with a reset
            async for text in connection:
                broadcast(connections, text)
    finally:
        connections.discard(connection)


async def main(port):
    """Serve until the process is ended."""
    async with serve(hold, "127.0.0.1", port, compression=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
