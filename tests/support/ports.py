"""Local TCP ports: finds a free one, and asks whether a server listens on one."""

import os
import random
import socket
from contextlib import suppress

#: Below the ports that Linux gives to clients. A client could take one of those after it was found
#: free and before a server binds it, or while a server is restarted.
RANGE = range(12_000, 32_000)
_random = random.Random(os.getpid())  # pytest-randomly gives each process the same seed


def free_port():
    """A port on which nobody listens."""
    while True:
        port = _random.choice(RANGE)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def listens(port):
    """Whether a server accepts connections on the port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
