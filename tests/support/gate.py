"""A proxy as some companies run: it refuses websockets or streams, or never answers them."""

from collections import Counter

from tests.support.proxy import Proxy

WEBSOCKETS = b"upgrade: websocket"
STREAMS = b"/events?"
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nblocked"


class Gate(Proxy):
    """Passes on all requests except those that contain a word in ``refused`` or ``held``.

    A refused request is answered with 403. The answer to a held one never comes back.
    """

    def __init__(self, port, refused=(WEBSOCKETS,)):
        super().__init__(port)
        self.refused = set(refused)
        self.held = set()
        self.requests = Counter()  # how many contained each word, refused and held ones included

    async def _serve(self, reader, writer):
        await super()._serve(_Inspected(self, reader, writer), writer)

    def asks_for(self, words, piece):
        """Whether the piece contains one of the words."""
        return any(word in piece.lower() for word in words)

    def admits(self, piece, writer):
        """Whether to pass the piece on; answers it if not."""
        for word in (WEBSOCKETS, STREAMS):
            self.requests[word] += self.asks_for([word], piece)
        if self.asks_for(self.refused, piece):
            writer.write(REFUSAL)
            return False
        if self.asks_for(self.held, piece):
            self._lossy.add(writer)
        return True


class _Inspected:
    """Reads what a client sends, and ends at the first piece that is not admitted."""

    def __init__(self, gate, reader, writer):
        self._gate, self._reader, self._writer = gate, reader, writer

    async def read(self, size):
        piece = await self._reader.read(size)
        return piece if self._gate.admits(piece, self._writer) else b""
