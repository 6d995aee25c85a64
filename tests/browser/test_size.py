"""What a page has to load."""

import gzip
import sys
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"
PAGE = ("merge.js", "socket.js", "task-progress.js")
#: The files, and how many bytes they may have, compressed.
LIMITS = {
    "what every page loads": (PAGE, 5_000),
    "where no websocket gets through": (("fallback.js",), 3_000),
    "a script's own": (("watch.js",), 2_000),
    "all": (tuple(sorted(path.name for path in FRONTEND.glob("*.js"))), 10_000),
}


@pytest.mark.parametrize("what", LIMITS)
def test_the_shipped_javascript_stays_small(what, capsys):
    names, limit = LIMITS[what]
    source = b"".join((FRONTEND / name).read_bytes() for name in names)
    size = len(gzip.compress(source, 9))
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {size} of {limit} bytes compressed\n")
    assert size < limit
