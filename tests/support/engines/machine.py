"""The processes of an engine on this machine: what they cost, and their sleep."""

import os
import re
from contextlib import suppress
from pathlib import Path

from tests.support.processes import stopped


def processes(folder):
    """The ids of all running processes that have the folder as their home, and their children.

    Chromium's children overwrite their environment.
    """
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    found = {pid for pid in pids if home(pid) == folder}
    parents = {pid: _parent(pid) for pid in pids}
    while more := {pid for pid in parents.keys() - found if parents[pid] in found}:
        found |= more
    return sorted(found)


def _parent(pid):
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def home(pid):
    """The home that a process was started with."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
        return next((Path(word[5:]) for word in words if word.startswith("HOME=")), None)


def cpu_seconds(folder):
    """Seconds of CPU time that the running processes have used."""
    total = 0
    for pid in processes(folder):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def memory(folder):
    """Bytes of memory; each page that processes share counts once."""
    total = 0
    for pid in processes(folder):
        with suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1])
    return total * 1024


def asleep(folder):
    """Stop all the engine's processes for the length of the block, as a sleeping machine does.

    The engine answers no command meanwhile.
    """
    return stopped(processes(folder))
