"""A server on a core of its own: what it costs, in CPU seconds and bytes."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
STARTS_WITHIN = 20  # seconds
SITE = "benchmarks.sites:application"
SERVERS = {
    "daphne": "daphne -v 0 -p {port}",
    "uvicorn": "uvicorn --port {port} --log-level warning --ws-per-message-deflate false",
}


class Served:
    """A server that runs."""

    def __init__(self, process, port):
        self._proc, self.port = Path(f"/proc/{process.pid}"), port

    @property
    def cpu(self):
        """CPU seconds until now."""
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self):
        """Resident bytes."""
        return int((self._proc / "statm").read_text().split()[1]) * PAGE


@contextmanager
def served(server, env, site=SITE):
    """The site on the first core, and this process on the others."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", *SERVERS[server].format(port=port).split(), site]
    os.sched_setaffinity(0, {0})  # what the server inherits
    process = subprocess.Popen(command, env={**os.environ, **env})
    os.sched_setaffinity(0, set(range(1, os.cpu_count())) or {0})
    try:
        _wait_for(port)
        yield Served(process, port)
    finally:
        process.terminate()
        process.wait()


def _wait_for(port):
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
