"""Drawn lives of tasks on real workers: what is shown is Celery's truth."""

import subprocess
import sys

import pytest

from tests.support.processes import ROOT

SEED = 277_105_708  # the same lives each time; make lifecycle draws others


@pytest.mark.timeout(240)
def test_150_lives_are_shown_as_they_were():
    command = [sys.executable, "-m", "tests.lifecycle", "--quick", "--seed", str(SEED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
