"""Ports of this machine: which is free, and whether anybody listens there."""

import os
import random
import socket
from contextlib import suppress

#: Below the range from which Linux takes the client's port of a connection. A port of that range
#: can be taken between the moment it is found free and the moment a server binds it, or while a
#: server is away and is about to come back.
RANGE = range(12_000, 32_000)
_random = random.Random(os.getpid())  # pytest-randomly seeds the other one alike in each process


def free_port():
    """A port that nobody listens on; another each time."""
    while True:
        port = _random.choice(RANGE)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def listens(port):
    """Whether somebody accepts connections there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
