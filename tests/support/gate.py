"""A proxy as some companies have it: it refuses what it does not know, or keeps it to itself."""

from collections import Counter

from tests.support.proxy import Proxy

WEBSOCKETS = b"upgrade: websocket"
STREAMS = b"/events?"
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nblocked"


class Gate(Proxy):
    """Passes requests on, but those that have one of the words ``refused`` or ``held``.

    The refused ones are answered with 403; of the held ones no answer comes back.
    """

    def __init__(self, port, refused=(WEBSOCKETS,)):
        super().__init__(port)
        self.refused = set(refused)
        self.held = set()
        self.requests = Counter()  # by word, whatever became of them

    async def _serve(self, reader, writer):
        await super()._serve(_Inspected(self, reader, writer), writer)

    def asks_for(self, words, piece):
        """Whether the piece is a request with one of the words."""
        return any(word in piece.lower() for word in words)

    def admits(self, piece, writer):
        """Whether the piece goes on; else the writer has been answered."""
        for word in (WEBSOCKETS, STREAMS):
            self.requests[word] += self.asks_for([word], piece)
        if self.asks_for(self.refused, piece):
            writer.write(REFUSAL)
            return False
        if self.asks_for(self.held, piece):
            self._lossy.add(writer)
        return True


class _Inspected:
    """What a client sends, piece by piece; ends with what is not admitted."""

    def __init__(self, gate, reader, writer):
        self._gate, self._reader, self._writer = gate, reader, writer

    async def read(self, size):
        piece = await self._reader.read(size)
        return piece if self._gate.admits(piece, self._writer) else b""
