"""Processes that are started together and stopped together."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

STOP_LIMIT = 4  # seconds until a part that was asked to stop is killed
TURN = 0.05  # seconds between two looks at the parts
TOLD = 12  # last lines of a failed part's log
PR_SET_PDEATHSIG = 1  # prctl(2)
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class PartError(Exception):
    """Why the parts cannot start or go on, in words for the terminal."""


class Stopped(Exception):  # noqa: N818 - not an error
    """Somebody asked for the end: Ctrl-C, SIGTERM, or the terminal was closed."""


class Part:
    """One process with its children, in a session of its own, so that Ctrl-C passes it by."""

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        log: Path,
        farewell: signal.Signals = signal.SIGTERM,
        **options: object,
    ) -> None:
        self.name, self.log, self.farewell = name, log, farewell
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(end_with, os.getpid(), signal.SIGKILL),  # noqa: PLW1509 - one thread
                **options,
            )

    def failure(self) -> PartError:
        lines = self.log.read_text(errors="replace").splitlines()[-TOLD:]
        told = "".join(f"\n    {line}" for line in lines)
        return PartError(f"the {self.name} ended with exit code {self.process.poll()}{told}")

    def stop(self) -> None:
        """End the process, and kill whatever is left of its children."""
        self.process.send_signal(self.farewell)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_LIMIT)
        deadline = time.monotonic() + STOP_LIMIT
        with suppress(ProcessLookupError):  # nobody is left
            while time.monotonic() < deadline:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.poll()
                time.sleep(0.01)


class Parts(ExitStack):
    """The parts that run and the folder they write to.

    Leaving the context ends them, the last one first, and removes the folder.
    """

    def __init__(self) -> None:
        super().__init__()
        self._servers: list[Part] = []
        self._stopping = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        folder = TemporaryDirectory(prefix="channels-progress-", ignore_cleanup_errors=True)
        self.folder = Path(self.enter_context(folder))

    def serve(self, name: str, *command: str, **options: object) -> None:
        """Start a part that has to run until the end."""
        self._servers.append(self._start(name, command, **options))

    def run(self, name: str, *command: str, **options: object) -> Callable[[], bool]:
        """Start a part that ends by itself; ask the answer whether it has; raises if badly."""
        part = self._start(name, command, **options)

        def ended() -> bool:
            if part.process.poll():
                raise part.failure()
            return part.process.returncode == 0

        return ended

    def wait(self, done: Callable[[], bool], *, limit: float = float("inf")) -> None:
        """Return once ``done``; raises Stopped, and PartError if a server ended or time is up."""
        deadline = time.monotonic() + limit
        while not done():
            if self._stopping:
                raise Stopped
            for part in self._servers:
                if part.process.poll() is not None:
                    raise part.failure()
            if time.monotonic() > deadline:
                raise PartError(f"the start took longer than {limit} s")
            time.sleep(TURN)

    def _start(self, name: str, command: tuple[str, ...], **options: object) -> Part:
        log = self.folder / f"{name.replace(' ', '-')}.log"
        part = Part(name, list(command), log=log, **options)
        self.callback(part.stop)
        return part

    def _ask_to_stop(self, *_: object) -> None:
        self._stopping = True


def end_with(parent: int, how: signal.Signals) -> None:
    """Have the kernel send ``how`` to this process when its parent dies, however that comes."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:  # it died before
        os.kill(os.getpid(), how)
