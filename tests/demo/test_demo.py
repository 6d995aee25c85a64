"""The demo starts, stops and reports errors in the terminal."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[2]


class Demo(subprocess.Popen):
    """``python -m project.demo`` with its temporary files in one folder."""

    def __init__(self, folder, **env):
        super().__init__(
            [sys.executable, "-m", "project.demo"],
            cwd=ROOT,
            env={**os.environ, "PORT": "0", "TMPDIR": str(folder), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.folder = folder

    def address(self):
        """Return the address, which the demo prints after the names of its processes."""
        starting, line = self.stdout.readline(), self.stdout.readline()
        assert starting.startswith("Starting "), starting + self.stderr.read()
        assert line.startswith("Listening on "), line + self.stderr.read()
        return line.split()[-1]

    def parts(self):
        """Return the demo's child processes by id, with their commands."""
        parents, commands = {}, {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                commands[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rsplit(")")[1].split()[1]
                )
        below = {self.pid}
        for pid in sorted(parents):  # a child comes after its parent
            if parents[pid] in below:
                below.add(pid)
        return {pid: commands[pid] for pid in below - {self.pid}}

    def told(self):
        """Wait until the demo ends; return what it wrote to stderr, and the exit code."""
        _, errors = self.communicate(timeout=30)
        return errors, self.returncode


@pytest.fixture
def demo_in(tmp_path):
    started = []

    def start(**env):
        started.append(Demo(tmp_path, **env))
        return started[-1]

    yield start
    for demo in started:
        if demo.poll() is None:
            demo.terminate()
        demo.communicate(timeout=30)


def assert_nothing_is_left(demo, parts, port):
    assert not [pid for pid in parts if Path(f"/proc/{pid}").exists()]
    assert not list(demo.folder.iterdir())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_demo_stops_and_leaves_no_process_or_file_behind(demo_in, how):
    demo = demo_in()
    address = demo.address()
    port = int(re.search(r":(\d+)/", address)[1])
    assert urlopen(address, timeout=5).status == 200
    parts = demo.parts()
    assert len(parts) >= 3
    demo.send_signal(how)
    assert demo.told() == ("", 0)
    assert_nothing_is_left(demo, parts, port)


@pytest.mark.parametrize(
    ("part", "name"), [("valkey", "Valkey server"), ("daphne", "web server"), ("celery", "worker")]
)
def test_a_process_that_crashes_is_named_and_stops_the_demo(demo_in, part, name):
    demo = demo_in()
    address = demo.address()
    parts = demo.parts()
    os.kill(min(pid for pid in parts if part in parts[pid]), signal.SIGKILL)
    errors, code = demo.told()
    assert code == 1
    assert f"the {name} ended" in errors
    assert_nothing_is_left(demo, parts, int(re.search(r":(\d+)/", address)[1]))


def test_the_processes_of_a_killed_demo_end(demo_in):
    demo = demo_in()
    demo.address()
    parts = demo.parts()
    demo.kill()
    assert demo.wait(10) == -signal.SIGKILL
    while [pid for pid in parts if Path(f"/proc/{pid}").exists()]:
        pass  # the kernel ends and reaps them


def one_line(errors):
    return errors.startswith("demo: ") and errors.count("\n") == 1


def test_a_port_in_use_is_reported_in_one_line(demo_in):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        errors, code = demo_in(PORT=str(taken.getsockname()[1])).told()
    assert (code, one_line(errors)) == (1, True)
    assert "PORT=" in errors


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PORT": "eighty"}, "PORT must be"),
        ({"PORT": "70000"}, "PORT must be"),
        ({"REDIS_URL": "nonsense"}, "REDIS_URL must look like"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "no Redis or Valkey server answers"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line(demo_in, env, words):
    errors, code = demo_in(**env).told()
    assert (code, one_line(errors)) == (1, True)
    assert words in errors


def test_the_demo_uses_the_given_redis_server(demo_in, valkey):
    demo = demo_in(REDIS_URL=f"{valkey.connection_url}/5")
    assert urlopen(demo.address(), timeout=5).status == 200
    assert not [command for command in demo.parts().values() if "valkey" in command]
