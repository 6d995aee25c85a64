"""``make`` shows the progress of pip, and the reason if pip fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from project import installing

ROOT = Path(__file__).parents[2]
#: The beginning of pip's log, up to a pause in which pip prints nothing.
FOUND = """Looking in indexes: https://packages.example/simple
Collecting celery>=5.5 (from channels-progress==0.1.0)
  Downloading celery-5.7.0-py3-none-any.whl (519 kB)
Processing /wheels/redis-8.1.0-py3-none-any.whl (from channels-progress==0.1.0)
"""
INSTALLING = "Installing collected packages: redis, celery, channels-progress\n"


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(installing, "SITE", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "Finding packages: 0 so far"),
        (FOUND, "Finding packages: 2 so far"),
        (FOUND + INSTALLING, "Installing packages: 1 of 3"),
    ],
)
def test_the_installer_shows_the_progress_of_pip(site, log, words):
    for name in ("pip", "redis"):
        (site / f"{name}-1.dist-info").mkdir()
    assert installing.describe(log, before=1) == words


def install(folder, *arguments):
    """Run the installer; return its exit code, output and errors."""
    command = [sys.executable, "-m", "project.installing", folder / "log", *arguments]
    env = {**os.environ, "PIP_NO_INDEX": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_nothing_is_installed_twice(tmp_path):
    code, output, errors = install(tmp_path, "pip")
    assert (code, errors) == (0, "")
    first, last = output.splitlines()
    assert first == "Finding packages: 0 so far (0 s)"
    assert last.startswith("Installed 0 packages in ")


def test_a_failure_is_one_line_that_names_the_log(tmp_path):
    code, _, errors = install(tmp_path, "there-is-no-such-package")
    assert code == 1
    assert errors.count("\n") == 1
    assert errors.startswith("Installing failed: ERROR: Could not find")
    assert errors.endswith(f"(all of it: {tmp_path / 'log'})\n")
