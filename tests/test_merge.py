"""The merge rule in Python; ``browser/test_merge.py`` runs the same vectors in JavaScript."""

import json
from pathlib import Path

import pytest

from progress.events import Event, State, follows

VECTORS = json.loads((Path(__file__).parent / "merge_vectors.json").read_text())


def event(values):
    """An event of which only what the rule looks at is told."""
    return Event(task_id="a", **{**values, "state": State(values["state"])})


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_what_a_watcher_takes(vector):
    assert follows(event(vector["current"]), event(vector["next"])) is vector["taken"]
