"""Take away each line that denies, one at a time: a test has to notice (`make mutations`).

Each mutation is made in a copy of the tree and has to be killed by a test that passes without it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from tests.mutations.denials import DENIALS, Denial

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "*.sqlite3*")
AT_ONCE = 2
FAST = ["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=no"]
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?(?:\[.*?\])?)(?: - |$)", re.M)


class Verdict(NamedTuple):
    """What became of a mutation; ``by`` is the test that killed it."""

    denial: Denial
    by: str | None


def pytest(tree, arguments):
    """Exit code and output of the tests in that tree."""
    command = [sys.executable, "-m", "pytest", *FAST, *arguments]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def mutated(tree, denial):
    """Make the mutation in the tree; what the file was."""
    path = tree / "progress" / denial.file
    text = path.read_text()
    found = text.count(denial.old)
    if found != 1:
        raise SystemExit(f"{denial.name}: {found} times in {denial.file}, not once: {denial.old!r}")
    path.write_text(text.replace(denial.old, denial.new))
    return path, text


def try_out(trees, denial):
    """Whether the tests named with it notice."""
    tree = trees.get()
    path, text = mutated(tree, denial)
    try:
        code, output = pytest(tree, denial.tests.split(" ", 2))
    finally:
        path.write_text(text)
        trees.put(tree)
    if code not in (0, 1):
        raise SystemExit(f"{denial.name}: pytest did not run\n{output}")
    killer = FAILED.search(output)
    return Verdict(denial, killer[1] if killer else None)


def row(verdict):
    """A line of the table."""
    path, _, test = (verdict.by or "SURVIVED").partition("::")
    by = f"{Path(path).name}::{test}" if test else path
    return f"{verdict.denial.file:15} {verdict.denial.name:52} {by}"


def main():
    """The table; exit code 1 with a survivor, or a killer that fails without the mutation too."""
    chosen = [each for each in DENIALS if all(word in each.name for word in sys.argv[1:])]
    began, trees = time.monotonic(), SimpleQueue()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(AT_ONCE):
            trees.put(Path(shutil.copytree(ROOT, f"{folder}/{number}", ignore=LEFT_OUT)))
        verdicts = []
        for verdict in pool.map(lambda denial: try_out(trees, denial), chosen):
            verdicts.append(verdict)
            print(row(verdict), flush=True)
        killers = sorted({verdict.by for verdict in verdicts if verdict.by})
        code, output = pytest(trees.get(), killers)
    survivors = [verdict for verdict in verdicts if verdict.by is None]
    seconds = time.monotonic() - began
    print(f"{len(verdicts)} mutations, {len(survivors)} survived, in {seconds:.0f} s")
    if code:
        print(f"The tests that killed them fail without them too:\n{output}")
    return 1 if survivors or code else 0


if __name__ == "__main__":
    sys.exit(main())
