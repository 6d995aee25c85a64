"""The size of the JavaScript that a page loads, compressed and without its comments."""

import gzip
import re
import sys
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"
BAR = ("events.js", "socket.js", "drawing.js", "task-progress.js")
#: Groups of files, and the most bytes that they may have.
LIMITS = {
    "what a bar loads": (BAR, 6_860),
    "while no websocket connects": (("fallback.js",), 3_000),
    "after a refusal": (("refusals.js",), 2_500),
    "for a button that cancels": (("cancel.js",), 1_500),
    "for trouble, or work of unknown length": (("patterns.js",), 500),
    "for another form": (("variants.js",), 1_000),
    "for all of these, and in another document": (("sheets.js",), 400),
    "a script's own": (("watch.js",), 2_200),
}
#: A comment in a block, on lines of its own, or behind code. No string has one.
COMMENT = re.compile(r"/\*.*?\*/|(?:^| )// [^\n]*$", re.DOTALL | re.MULTILINE)
BLANK = re.compile(r"\n\s*\n")


def stripped(text):
    """The module without comments, and without the lines that they leave empty."""
    return BLANK.sub("\n", COMMENT.sub("", text))


@pytest.mark.parametrize("what", LIMITS)
def test_the_javascript_stays_small(what, capsys):
    names, limit = LIMITS[what]
    code = "".join(stripped((FRONTEND / name).read_text()) for name in names)
    size = len(gzip.compress(code.encode(), 9))
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {size} of {limit} bytes compressed\n")
    assert size <= limit


def test_each_module_has_a_limit():
    limited = {name for names, _ in LIMITS.values() for name in names}
    assert limited == {path.name for path in FRONTEND.glob("*.js")}
