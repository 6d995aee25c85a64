"""No version with a known hole gets in, neither by what the package asks for nor here."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
#: The first version without the hole.
MENDED = {
    "autobahn": "26.7.1",  # GHSA-hxp9-w8x3-p566
    "celery": "5.2.2",  # CVE-2021-23727
    "channels": "3.0.3",  # CVE-2020-35681
    "daphne": "4.2.2",  # CVE-2026-44545, CVE-2026-44546
    "django": "5.2.13",  # CVE-2025-14550, CVE-2026-3902
    "redis": "4.5.4",  # CVE-2023-28858, CVE-2023-28859
}


@pytest.mark.parametrize("name", MENDED)
def test_versions_with_known_holes_are_shut_out(name):
    asked = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    [bounds] = [each for each in map(Requirement, asked) if each.name == name]
    lowest = min(Version(each.version) for each in bounds.specifier if each.operator == ">=")
    assert lowest >= Version(MENDED[name])
    assert Version(version(name)) >= Version(MENDED[name])


def test_the_demo_can_be_watched_from_a_terminal():
    """README's commands work in the environment that ``make demo`` makes."""
    extras = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    assert "channels-progress[watch]" in extras["demo"]
    assert set(extras["client"]) <= set(extras["watch"])
