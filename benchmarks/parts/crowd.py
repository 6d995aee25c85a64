"""Many plain websockets, which count the events they are sent and do nothing else.

They are one loop around epoll: a protocol of asyncio for each would cost what is to be measured.
"""

import select
import socket
import struct
import time

from benchmarks.parts.children import Child
from benchmarks.parts.machine import served
from benchmarks.parts.tellers import SECRET

AT_ONCE = 50  # handshakes under way: as many as Daphne's listen queue has places
WITHIN = 60  # seconds for all that is waited for
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
EVENT = 126  # bytes at least, which tells them from the protocol's other frames
ABORT = struct.pack("ii", 1, 0)  # no goodbye: a reset
HANDSHAKE = """GET {path} HTTP/1.1\r
Host: 127.0.0.1\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Version: 13\r
\r
"""


def crowded(stack, kind, url, name, **elsewhere):
    """A server of that kind which serves the site of that name, and a crowd for it."""
    env = {"BENCH_REDIS": url, "BENCH_SECRET": SECRET, "BENCH_SITE": name}
    server = stack.enter_context(served(kind, env, **elsewhere))
    return server, stack.enter_context(Child(Crowd, server.port))


class Socket:
    """One of them."""

    __slots__ = ("heard", "is_open", "path", "rest", "socket")

    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(0)
        self.socket.send(HANDSHAKE.format(path=path).encode())
        self.path, self.rest, self.is_open, self.heard = path, b"", False, False


class Crowd:
    """All of them; ``events`` is how many they were sent, ``refused`` how often one had to
    come back. For a ``Child``."""

    def __init__(self, port):
        self._port = port
        self._epoll = select.epoll()
        self._sockets = {}
        self._open = self._heard = self.events = self.refused = 0
        self._mark = b""

    def open(self, paths, *, hearing=False, mark=""):
        """Open a socket at each path; the seconds until all are, and have heard an event.

        Of those first events each has to hold ``mark``.
        """
        began, self._mark = time.monotonic(), mark.encode()
        paths, count = iter(paths), len(self._sockets) + len(paths)
        while len(self._sockets) < count:
            while len(self._sockets) - self._open < AT_ONCE and (path := next(paths, None)):
                self._connect(path)
            self._turn(began, "handshakes")
        while self._open < count or (hearing and self._heard < count):
            done = f"{self._open} open, {self._heard} heard of {count}, {self.refused} refused"
            self._turn(began, f"{done}; the rest")
        return time.monotonic() - began

    def reopen(self, paths, *, hearing=False, mark=""):
        """Cut all at once, and open anew; the seconds until all are where they were."""
        began = time.monotonic()
        self.cut()
        self.open(paths, hearing=hearing, mark=mark)
        return time.monotonic() - began

    def wait(self, events):
        """Until so many were heard in all; how many were."""
        began = time.monotonic()
        while self.events < events:
            self._turn(began, f"{events - self.events} of {events} events")
        return self.events

    def count(self):
        """How many events were heard by now."""
        return self.events

    def say(self, text):
        """Have the first socket send a text."""
        next(iter(self._sockets.values())).socket.send(frame(TEXT, text.encode()))

    def cut(self):
        """Reset all connections."""
        for each in self._sockets.values():
            each.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            each.socket.close()
        self._sockets.clear()
        self._open = self._heard = 0

    def idle(self, pipe):
        """Answer pings until there is something to read from the pipe."""
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        try:
            while not pipe.poll():
                self._poll(-1)
        finally:
            self._epoll.unregister(pipe.fileno())

    def _connect(self, path):
        each = Socket(self._port, path)
        self._sockets[each.socket.fileno()] = each
        self._epoll.register(each.socket.fileno(), select.EPOLLIN)

    def _again(self, each):
        """Come back at once, as a page does: Daphne refuses what has waited for 5 s."""
        self.refused += 1
        del self._sockets[each.socket.fileno()]
        each.socket.close()
        self._connect(each.path)

    def _turn(self, began, what):
        self._poll(1)
        if time.monotonic() - began > WITHIN:
            raise TimeoutError(f"{what} did not come in {WITHIN} s")

    def _poll(self, timeout):
        for descriptor, _ in self._epoll.poll(timeout):
            each = self._sockets.get(descriptor)
            if each is not None:
                self._read(each)

    def _read(self, each):
        data = each.rest + each.socket.recv(65536)
        if len(data) == len(each.rest):
            raise ConnectionError("the server has closed a socket")
        if not each.is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                each.rest = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._again(each)
                return
            each.is_open = True
            self._open += 1
        each.rest = data[self._count(each, data) :]

    def _count(self, each, data):
        """Where the first frame begins that is not all there yet."""
        at, there = 0, len(data)
        while there - at >= 2:
            size, begin = data[at + 1], at + 2
            if size == 126:
                size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if begin + size > there or begin > there:
                break
            self._take(each, data[at] & 15, data[begin : begin + size])
            at = begin + size
        return at

    def _take(self, each, opcode, payload):
        if opcode == TEXT and len(payload) >= EVENT:
            self.events += 1
            if not each.heard:
                each.heard = True
                self._heard += 1
                if self._mark not in payload:
                    raise ValueError(f"not the present state: {payload.decode()}")
        elif opcode == PING:
            each.socket.send(frame(PONG, payload))
        elif opcode == CLOSE:
            raise ConnectionError(f"the server closes a socket: {payload!r}")


def frame(opcode, payload):
    """A client's frame; its mask is zeros."""
    size = len(payload)
    head = struct.pack("!BB", 0x80 | opcode, 0x80 | min(size, 126))
    return head + (struct.pack("!H", size) if size >= 126 else b"") + bytes(4) + payload
