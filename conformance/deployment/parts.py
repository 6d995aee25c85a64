"""A server as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

READY_WITHIN = 60.0  # seconds
END_WITHIN = 10.0  # seconds after SIGTERM; then SIGKILL


class Part:
    """A process in a group of its own, ended with the ``with`` block; its output goes to ``log``.

    Without one it goes where this process' own goes.
    """

    def __init__(
        self,
        command: Sequence[object],
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [str(word) for word in command]
        self._env = {**os.environ, **(env or {})}
        self.log = log

    def __enter__(self) -> Self:
        more: Any = {"env": self._env, "start_new_session": True}
        if self.log is None:
            self.process = subprocess.Popen(self._command, **more)
        else:
            with self.log.open("wb") as output:
                more |= {"stdout": output, "stderr": subprocess.STDOUT}
                self.process = subprocess.Popen(self._command, **more)
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(END_WITHIN)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def wait_for(self, ready: Callable[[], object]) -> None:
        """Until ``ready()`` is true. Raises RuntimeError when it ends first, or takes a minute."""
        deadline = time.monotonic() + READY_WITHIN
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text() if self.log else ""
                raise RuntimeError(f"{' '.join(self._command)} did not get ready\n{said}")
            time.sleep(0.05)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody does there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
