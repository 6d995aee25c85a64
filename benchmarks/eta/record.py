"""Records how three real programs progress, read ten times a second as a publisher reads a task.

python -m benchmarks.eta.record [program ...]

A recording takes one to two minutes, and depends on the machine and on what else it does.
"""

import hashlib
import lzma
import os
import random
import sqlite3
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.eta.traces import Trace, write

INTERVAL = 0.1  # seconds between two readings, PROGRESS_INTERVAL


class Count:
    """What a program has done and has to do; the program replaces both as one tuple."""

    def __init__(self):
        self.now = (0, 1)


def compress(count):
    """Compress the modules of the standard library one by one, in a drawn order."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    random.Random(1).shuffle(files)
    files = files * 6
    for done, each in enumerate(files):
        count.now = (done, len(files))
        lzma.compress(each.read_bytes(), preset=9)
    count.now = (len(files), len(files))


def checksum(count):
    """Hash all files below a folder; the total grows as folders are read."""
    waiting, done, total = [Path(sysconfig.get_path("stdlib"))], 0, 0
    while waiting:
        entries = sorted(os.scandir(waiting.pop()), key=lambda each: each.name)
        files = [each for each in entries if each.is_file(follow_symlinks=False)]
        waiting += [Path(each) for each in entries if each.is_dir(follow_symlinks=False)]
        total += len(files)
        for each in files:
            count.now = (done, total)
            data = Path(each).read_bytes()
            for _ in range(3):
                hashlib.pbkdf2_hmac("sha256", data, b"", 1 + len(data) // 40)
            done += 1
    count.now = (done, total)


def insert(count):
    """Insert rows with a random unique key, a commit every 500 rows; the index grows."""
    total, keys = 600_000, random.Random(2)
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(f"{folder}/rows")
        database.execute("CREATE TABLE rows (key BLOB PRIMARY KEY, words TEXT)")
        for done in range(total):
            database.execute("INSERT INTO rows VALUES (?, ?)", (keys.randbytes(16), "word " * 20))
            if done % 500 == 0:
                database.commit()
                count.now = (done, total)
        database.close()
    count.now = (total, total)


PROGRAMS = {"compress": compress, "checksum": checksum, "insert": insert}


def recorded(program):
    """Run the program and return its trace."""
    count = Count()
    count.now = (0, 0)
    working = threading.Thread(target=program, args=[count])
    began = time.monotonic()
    reports = [(0.0, *count.now)]
    working.start()
    while working.is_alive():
        working.join(INTERVAL)
        if count.now != reports[-1][1:]:
            reports.append((round(time.monotonic() - began, 2), *count.now))
    return Trace(program.__name__, reports)


if __name__ == "__main__":
    for name in sys.argv[1:] or PROGRAMS:
        trace = recorded(PROGRAMS[name])
        write(trace)
        print(name, len(trace.reports), "reports in", trace.duration, "s", flush=True)
