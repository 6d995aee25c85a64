"""``manage.py check`` on the site of docs/first-bar.md, whole and with something left out."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/first-bar.md"
BLOCK = re.compile(r"```(?:python|html)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"(?:#|<!--) (mysite/\S+?)(, at the end)?(?: -->)?\n")


def run(folder, *command):
    """The command's output; its process knows no settings of ours."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
    env.pop("TEST_BROKER_URL", None)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """What ``startproject`` makes."""
    folder = tmp_path_factory.mktemp("first-bar")
    assert run(folder, "-m", "django", "startproject", "mysite", ".") == ""
    return folder


@pytest.fixture
def site(started, tmp_path):
    """Types the page's blocks, without one of its files, or without some words."""

    def typed(without):
        folder = shutil.copytree(started, tmp_path / "site")
        for block in BLOCK.findall(PAGE.read_text()):
            name, at_end = FILE.match(block).groups()
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            if name != without:
                before = path.read_text() if at_end else ""
                path.write_text(before + block.replace(without or "nothing", ""))
        return folder

    return typed


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        (None, set()),
        ("mysite/asgi.py", {"progress.W005"}),
        ("mysite/urls.py", {"progress.W006"}),
        ("mysite/__init__.py", {"progress.W009"}),
        ('"daphne", ', {"progress.W007"}),
        ('ASGI_APPLICATION = "mysite.asgi.application"', {"progress.W004"}),
        ("CELERY_BROKER_URL = REDIS_URL", {"progress.W010"}),
        ("PROGRESS_REDIS_URL = REDIS_URL", {"progress.E001"}),
        ('CHANNEL_LAYERS = {"default": redis_layer(REDIS_URL)}', {"progress.E004"}),
    ],
)
def test_what_a_newcomer_leaves_out_is_named(site, without, expected):
    output = run(site(without), "manage.py", "check")
    assert set(re.findall(r"\((\w+\.\w\d+)\)", output)) == expected
    assert ("no issues" in output) == (not expected)
