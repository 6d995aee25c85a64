"""A client that can break the protocol: it sends any bytes and reads frames."""

import asyncio
import struct
from contextlib import suppress

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
ANSWER = 5.0  # seconds for the head of an answer
CUT = 1006  # the code that browsers report when no close frame came

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def frame(opcode, payload=b"", *, fin=True, rsv=0, masked=True, length=None):
    """One frame with a mask of zeros; ``length`` is the length that its head claims."""
    length = len(payload) if length is None else length
    size, more = (length, b"") if length < 126 else (126, struct.pack(">H", length & 0xFFFF))
    if length > 0xFFFF:
        size, more = 127, struct.pack(">Q", length)
    head = bytes([fin << 7 | rsv << 4 | opcode, masked << 7 | size])
    return head + more + b"\0\0\0\0" * masked + payload


class Raw:
    """One connection; ``status`` is the status of the handshake's answer, 101 for success."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self.status = None
        self.head = b""

    @classmethod
    async def connect(cls, web, source="127.0.0.1"):
        """Connect and send nothing."""
        to = {"local_addr": (source, 0), "limit": 2**20}
        return cls(*await asyncio.open_connection("127.0.0.1", web.port, **to))

    @classmethod
    async def open(cls, web, path="/ws/progress/", headers=b"", source="127.0.0.1"):
        """Connect and send a handshake with these additional header lines."""
        raw = await cls.connect(web, source)
        handshake = HANDSHAKE.format(path=path, port=web.port).encode("latin-1")
        await raw.ask(handshake + headers + b"\r\n")
        return raw

    async def ask(self, request):
        """Send a request and read the head of its answer; without an answer ``status`` is None."""
        self.write(request)
        with suppress(asyncio.IncompleteReadError, OSError):  # a timeout is an OSError too
            async with asyncio.timeout(ANSWER):
                self.head = await self._reader.readuntil(b"\r\n\r\n")
                self.status = int(self.head.split()[1])

    def write(self, data):
        self._writer.write(data)

    async def send(self, opcode, payload=b"", **more):
        """Send a frame and wait while the server's buffers are full; do nothing if it is gone."""
        with suppress(OSError):
            self.write(frame(opcode, payload, **more))
            await self._writer.drain()

    async def next(self):
        """The next frame: opcode and payload."""
        async with asyncio.timeout(10):
            first, size = await self._reader.readexactly(2)
            if size > 125:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8))
            return first & 15, await self._reader.readexactly(size)

    async def closed(self):
        """Wait until the server closes; return its close code."""
        try:
            opcode, payload = await self.next()
            while opcode != CLOSE:
                opcode, payload = await self.next()
        except TimeoutError:
            raise
        except (asyncio.IncompleteReadError, OSError):
            return CUT
        finally:
            self._writer.close()
        return int.from_bytes(payload[:2]) if payload else 1005

    @property
    def is_open(self):
        """Whether the connection is open, as far as this side knows."""
        return not (self._reader.at_eof() or self._writer.is_closing())

    def cut(self):
        """End the connection without a close frame."""
        self._writer.transport.abort()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.cut()
