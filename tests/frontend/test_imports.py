"""The modules of ``frontend/`` import each other in one direction only."""

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"
#: Comments import types, which are nothing when the modules run.
COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*$", re.DOTALL | re.MULTILINE)
#: ``import … from "./x.js"``, ``import "./x.js"``, ``import("./x.js")``, ``export … from "./x.js"``
IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["']\./([\w.-]+\.js)["']""")


def imports(sources):
    """Which modules each module imports, at once or later."""
    return {name: set(IMPORT.findall(COMMENT.sub("", text))) for name, text in sources.items()}


def check(sources):
    """Raise CycleError if modules import each other in a circle."""
    TopologicalSorter(imports(sources)).prepare()


@pytest.fixture
def sources():
    return {path.name: path.read_text() for path in FRONTEND.glob("*.js")}


def test_no_modules_import_each_other_in_a_circle(sources):
    check(sources)


def test_every_import_is_found(sources):
    found = imports(sources)
    assert found["socket.js"] == {"events.js", "fallback.js"}
    assert found["task-progress.js"] == {
        *("drawing.js", "events.js", "socket.js", "refusals.js", "cancel.js"),
        *("variants.js", "sheets.js", "patterns.js"),
    }
    assert set().union(*found.values()) <= set(sources)


@pytest.mark.parametrize(
    "line",
    [
        'import { ProgressSocket } from "./socket.js";',
        "import './socket.js'",
        'const later = () => import("./socket.js")',
        'export { ProgressSocket } from "./socket.js"',
    ],
)
def test_a_planted_circle_is_found(sources, line):
    sources["events.js"] += f"\n{line}\n"
    with pytest.raises(CycleError):
        check(sources)
