"""The merge rule in Python; ``browser/test_merge.py`` runs the same vectors in JavaScript."""

import pytest

from progress.events import follows
from tests.support.merge import VECTORS, event


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_what_a_watcher_takes(vector):
    assert follows(event(vector["current"]), event(vector["next"])) is vector["taken"]
