"""The merge rule as data, which holds in Python and in JavaScript."""

import json
from pathlib import Path

from progress.events import Event, State

VECTORS = json.loads((Path(__file__).parents[1] / "merge_vectors.json").read_text())


def event(values):
    """An event with the fields that the rule looks at."""
    return Event(task_id="a", **{**values, "state": State(values["state"])})
