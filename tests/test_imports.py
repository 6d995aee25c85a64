"""Which room of ``progress/`` may import which, and the names that are public."""

import ast
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "progress"
VOCABULARY = {
    "conf", "events", "exceptions", "limits", "loops", "pools", "protocol", "redis_servers",
    "types", "values",
}  # fmt: skip
#: A room, and the rooms it may import besides itself and the vocabulary. The face may import all.
RULE = {
    "vocabulary": set(),
    "store": set(),
    "layers": set(),
    "client": set(),
    "reporting": {"store", "layers"},
    "hub": {"store", "layers"},
    "access": {"layers"},
    "transports": {"store", "layers", "hub", "access"},
}
#: What may not change without a major version; everything else may.
PUBLIC = {
    "progress": {
        "ConsoleProgressRecorder", "ProgressRecorder", "PublicError", "aaddresses", "addresses",
        "amake_token", "configure", "make_token", "owned_task_id", "recheck", "track",
    },
    "progress.access": {"Asker", "by_token"},
    "progress.asgi": {"application"},
    "progress.client": {
        "BadRequestError", "Event", "ForbiddenError", "State", "TooManyError", "UnreachableError",
        "WatchError", "watch", "watch_blocking",
    },
    "progress.layers": {"redis_layer"},
    "progress.routing": {"no_such_address", "websocket_urlpatterns"},
    "progress.urls": {"urlpatterns"},
    "progress.watch": {"main"},
}  # fmt: skip


def modules(package):
    """Each module's dotted name below the package, and its path."""
    return {
        ".".join(path.relative_to(package).with_suffix("").parts)
        .removesuffix("__init__")
        .strip("."): path
        for path in package.rglob("*.py")
    }


def imports(package):
    """The modules of the package that each module imports: at its top, in functions, for types."""
    known = modules(package)
    found = {}
    for name, path in known.items():
        here = name.split(".") if path.name == "__init__.py" and name else name.split(".")[:-1]
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            base = here[: len(here) + 1 - node.level]
            if not node.level:
                first, *base = (node.module or "").split(".")
                if first != package.name:
                    assert first != "project", f"{name} imports the demo"
                    continue
            elif node.module:
                base = [*base, *node.module.split(".")]
            for alias in node.names:
                whole = ".".join([*base, alias.name])
                found[name].add(whole if whole in known else ".".join(base))
    return found


def room(name):
    """The room of a module."""
    first, _, rest = name.partition(".")
    if first in VOCABULARY and not rest:
        return "vocabulary"
    return first if first in RULE else "face"


def violations(package):
    """Each import that the rule forbids, as "who -> whom"."""
    return {
        f"{name} -> {other}"
        for name, others in imports(package).items()
        for other in others
        if room(name) != "face" and room(other) not in {room(name), "vocabulary", *RULE[room(name)]}
    }


def test_each_room_imports_only_the_rooms_it_may():
    assert violations(PACKAGE) == set()


@pytest.mark.parametrize(
    ("module", "line", "violation"),
    [
        ("reporting/runs.py", "from ..hub import Hub", "reporting.runs -> hub"),
        ("events.py", "from progress import conf, urls", "events -> urls"),
        (
            "store/memory.py",
            "def late():\n    from ..layers import groups",
            "store.memory -> layers.groups",
        ),
    ],
)  # fmt: skip
def test_a_planted_import_is_found(tmp_path, module, line, violation):
    copy = shutil.copytree(PACKAGE, tmp_path / "progress")
    path = copy / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    assert violations(copy) == {violation}


def test_no_modules_import_each_other_in_a_circle():
    try:
        TopologicalSorter(imports(PACKAGE)).prepare()
    except CycleError as error:
        pytest.fail(f"imports run in a circle: {' -> '.join(error.args[1])}")


def test_no_folder_is_a_heap():
    folders = {path.parent for path in modules(PACKAGE).values()}
    sizes = {str(each.relative_to(ROOT)): len(list(each.glob("*.py"))) for each in folders}
    assert sizes.pop("progress") <= 20
    assert max(sizes.values()) <= 15


def test_no_module_and_no_function_is_too_long():
    for name, path in modules(PACKAGE).items():
        text = path.read_text()
        assert text.count("\n") <= 300, name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{name}.{node.name}"


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_there(module):
    assert {name for name in PUBLIC[module] if hasattr(import_module(module), name)} == PUBLIC[
        module
    ]


def test_only_these_names_are_for_everybody():
    import progress

    assert set(progress.__all__) == PUBLIC["progress"]
    with pytest.raises(AttributeError, match="no attribute 'Recorder'"):
        _ = progress.Recorder


def test_events_need_nothing_but_the_standard_library():
    others = "{'django', 'celery', 'redis', 'channels'}"
    code = f"import sys, progress.events; sys.exit(bool({others} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
