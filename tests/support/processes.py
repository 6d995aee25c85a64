"""A process that a test starts, stops for a while, and ends."""

import os
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Part:
    """A process in a process group of its own, with a log; it ends with the ``with`` block."""

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
        """Send the signal to the process and all its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self):
        """Send SIGKILL, as the kernel's OOM killer does."""
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    @contextmanager
    def frozen(self):
        """Stop the process with SIGSTOP for the length of the block."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def __enter__(self):
        with ExitStack() as stack:
            stack.push(self.__exit__)
            self.start()
            stack.pop_all()
        return self

    def __exit__(self, *_):
        self.signal(signal.SIGCONT)
        self.kill()

    def wait_for(self, ready):
        """Wait until ``ready()`` is true. Fails with the log when the process ends or 30 s pass."""
        deadline = time.monotonic() + 30
        while not ready():
            ended = self.process.poll() is not None or time.monotonic() > deadline
            assert not ended, self.log.read_text()
            time.sleep(0.02)


def alive(pid):
    """Whether the process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@contextmanager
def stopped(pids):
    """Stop these processes with SIGSTOP for the length of the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
