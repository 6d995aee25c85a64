"""The size of the JavaScript that a page loads."""

import gzip
import sys
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"
PAGE = ("events.js", "socket.js", "task-progress.js")
#: Groups of files, and the most bytes that they may have when compressed.
LIMITS = {
    "what every page loads": (PAGE, 6_500),  # 5,400 without the comments
    "while no websocket connects": (("fallback.js",), 3_000),
    "after a refusal": (("refusals.js",), 2_500),
    "for a button that cancels": (("cancel.js",), 1_500),
    "a script's own": (("watch.js",), 2_200),
    "all": (tuple(sorted(path.name for path in FRONTEND.glob("*.js"))), 13_000),
}


@pytest.mark.parametrize("what", LIMITS)
def test_the_shipped_javascript_stays_small(what, capsys):
    names, limit = LIMITS[what]
    source = b"".join((FRONTEND / name).read_bytes() for name in names)
    size = len(gzip.compress(source, 9))
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {size} of {limit} bytes compressed\n")
    assert size < limit
