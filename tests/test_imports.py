"""Who may import whom: the table of docs/design.md, so that a new arrow is a decision."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "progress"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
WRITING = {"recorder", "process", "publisher", "signals", "delivery", "runs", "rechecks"}
READING = {
    "hub",
    "consumers",
    "views",
    "watcher",
    "topics",
    "reconcile",
    "subscription",
    "protocol",
}


def name(path):
    return ".".join(path.with_suffix("").parts)


def imports(path):
    """The modules of ours that this one imports, at its top or inside a function."""
    found = set()
    module = ast.parse((PACKAGE / path).read_text())
    module.body = [each for each in module.body if not isinstance(each, ast.If)]  # TYPE_CHECKING
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.level:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.module.startswith("project")
    return found


def table():
    design = (ROOT / "docs/design.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \|.*\| ([^|]*)\|$", design, re.M)
    return {module: set(re.findall(r"`(\w+)`", allowed)) for module, allowed in rows}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_imports_only_what_the_design_says(path):
    if path.name == "__init__.py":
        return
    assert imports(path) == table()[name(path)]


def test_the_writing_and_the_reading_side_do_not_know_each_other():
    for path in MODULES:
        sides = {path.stem} | imports(path)
        assert not (sides & WRITING and sides & READING), path


def test_only_these_names_are_for_everybody():
    import progress

    assert progress.__all__ == [
        "ConsoleProgressRecorder",
        "ProgressRecorder",
        "PublicError",
        "addresses",
        "configure",
        "make_token",
        "recheck",
        "track",
    ]
    assert all(getattr(progress, public) for public in progress.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Recorder'"):
        _ = progress.Recorder


def test_events_need_nothing_but_the_standard_library():
    others = "{'django', 'celery', 'redis', 'channels'}"
    code = f"import sys, progress.events; sys.exit(bool({others} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
