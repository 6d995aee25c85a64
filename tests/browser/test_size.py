"""What a page has to load."""

import gzip
from pathlib import Path

FRONTEND = Path(__file__).parents[2] / "frontend"


def test_the_shipped_javascript_stays_below_5000_bytes_compressed():
    source = b"".join(path.read_bytes() for path in sorted(FRONTEND.glob("*.js")))
    assert len(gzip.compress(source, 9)) < 5_000
