"""Records the sockets that Daphne cut off before their client answered its close frame.

Autobahn is meant to wait a second for the answer, but rounds its timers down to a full second of
the clock. So it waits between zero and one second, then resets the connection and drops what
Twisted has not written. If the application closes in the very pass of the event loop in which that
second begins, the close frame is dropped, too, and the client sees 1006 instead of 1000.

Evidence, with an application of ten lines, Daphne 4.2.3 and autobahn 26.10.2: of 4,500 sockets
closed within 50 ms before a full second, 390 were cut; in 81 cases the four bytes of the close
frame were not written, and 81 clients saw 1006. Of 1,800 sockets closed in the middle of a second,
no socket was cut. With the real application 4 of 16,800 sockets, closed around the full second, saw
1006; Daphne had cut all four. A client that received the frame reads it even after the reset,
however late, and sees 1000.
"""

import time
from collections import deque

from daphne.ws_protocol import WebSocketProtocol

#: The client's port, the close code and the time of each of the last cuts.
cuts = deque(maxlen=100)

_give_up = WebSocketProtocol.onCloseHandshakeTimeout


def give_up(protocol):
    cuts.append((protocol.transport.getPeer().port, protocol.localCloseCode, time.time()))
    _give_up(protocol)


WebSocketProtocol.onCloseHandshakeTimeout = give_up
