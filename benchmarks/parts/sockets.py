"""Many plain websockets in one process, which count frames and do nothing else."""

import asyncio
import base64
import os

AT_ONCE = 100  # handshakes under way
TEXT, PING = 1, 9
PONG = b"\x8a%c\0\0\0\0%s"  # with a mask of zeros; a server looks whether it is its own ping's
HANDSHAKE = """GET {path} HTTP/1.1\r
Host: 127.0.0.1\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: {key}\r
Sec-WebSocket-Version: 13\r
\r
"""


class Socket(asyncio.Protocol):
    """One of them; ``frames`` is how many frames of text all of them were sent."""

    frames = 0

    def __init__(self, path, opened):
        self._path, self._opened = path, opened
        self._rest = b""

    def connection_made(self, transport):
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(HANDSHAKE.format(path=self._path, key=key).encode())

    def data_received(self, data):
        self._rest += data
        if not self._opened.done():
            head, end, rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                return
            self._rest = rest
            if head.startswith(b"HTTP/1.1 101"):
                self._opened.set_result(self)
            else:
                self._opened.set_exception(ConnectionError(head.decode("latin-1")))
        self._rest = self._rest[self._count(self._rest) :]

    def connection_lost(self, error):
        if not self._opened.done():
            self._opened.set_exception(error or ConnectionError("cut"))

    def _count(self, data):
        """Where the first frame begins that is not all there yet."""
        at = 0
        while (end := _end(data, at)) is not None:
            opcode = data[at] & 15
            Socket.frames += opcode == TEXT
            if opcode == PING:
                payload = data[at + 2 : end]
                self.transport.write(PONG % (0x80 | len(payload), payload))
            at = end
        return at


def _end(data, at):
    """Where the frame that begins there ends; None while it is not all there."""
    if len(data) - at < 2:
        return None
    size, begin = data[at + 1], at + 2
    if size == 126:
        size, begin = int.from_bytes(data[at + 2 : at + 4]), at + 4
    end = begin + size
    return end if end <= len(data) else None


async def connect(port, path, count):
    """So many sockets at this address, open."""
    loop, sockets = asyncio.get_running_loop(), []
    while len(sockets) < count:
        opened = [loop.create_future() for _ in range(min(AT_ONCE, count - len(sockets)))]
        for each in opened:
            await loop.create_connection(lambda each=each: Socket(path, each), "127.0.0.1", port)
        sockets += await asyncio.gather(*opened)
    return sockets
