"""``python -m project.installing LOG ARGUMENT ...``: runs pip install and shows how far it is.

pip prints nothing while it unpacks packages, which takes half of the time, on a busy machine
minutes. This module needs the standard library alone, because nothing is installed yet.
"""

import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TURN = 0.2  # seconds between two looks
EVERY = 10  # seconds between two lines where there is no terminal to draw on
FOUND = ("Collecting ", "Processing /")  # how pip begins the line of a package
INSTALLING = "Installing collected packages: "
SITE = Path(sysconfig.get_path("purelib"))


def main(log: Path, arguments: list[str]) -> int:
    """Run pip; return its exit code. The log has its output."""
    began = time.monotonic()
    before = count_installed()
    with log.open("w") as output:
        command = [sys.executable, "-m", "pip", "install", "--progress-bar", "off", *arguments]
        pip = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        for words in progress(pip, log, before):
            show(f"{words} ({time.monotonic() - began:.0f} s)")
    except KeyboardInterrupt:  # the terminal sends it to pip, too
        pip.wait()
        return 130
    if pip.returncode:
        end(f"Installing failed: {reason(log)} (all of it: {log})", sys.stderr)
    else:
        new = count_installed() - before
        end(f"Installed {new} packages in {time.monotonic() - began:.0f} s.", sys.stdout)
    return pip.returncode


def progress(pip: subprocess.Popen[bytes], log: Path, before: int) -> Iterator[str]:
    """Describe what pip does, several times until it ends."""
    turn = TURN if sys.stdout.isatty() else EVERY
    ended = False
    while not ended:
        yield describe(log.read_text(errors="replace"), before)
        with suppress(subprocess.TimeoutExpired):
            pip.wait(turn)
            ended = True


def describe(text: str, before: int) -> str:
    """What pip does now, read from its log."""
    lines = text.splitlines()
    for line in lines:
        if line.startswith(INSTALLING):
            total = line.count(",") + 1
            return f"Installing packages: {count_installed() - before} of {total}"
    return f"Finding packages: {sum(line.startswith(FOUND) for line in lines)} so far"


def count_installed() -> int:
    """How many packages are in the environment."""
    return sum(1 for _ in SITE.glob("*.dist-info"))


def reason(log: Path) -> str:
    """pip's first error, or else its last line."""
    lines = log.read_text(errors="replace").splitlines() or ["pip wrote nothing"]
    return next((line for line in lines if line.startswith("ERROR: ")), lines[-1])


def show(words: str) -> None:
    """Draw over the line before, or write a line where there is no terminal."""
    sys.stdout.write(f"\r\x1b[K{words}" if sys.stdout.isatty() else f"{words}\n")
    sys.stdout.flush()


def end(words: str, stream: object) -> None:
    """The last line."""
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[K")
        sys.stdout.flush()
    print(words, file=stream)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
