"""What is shown of one life that was made up, for tests of the judge."""

from types import SimpleNamespace

from tests.lifecycle.batch import Living, Seen
from tests.lifecycle.case import Case
from tests.lifecycle.judge import findings
from tests.lifecycle.lives import Attempt, Life
from tests.lifecycle.truth import truth

EVENT = {
    "state": "PENDING", "version": 1, "run": 0, "attempt": 1, "published": 5, "worker": "",
    "current": 0, "total": None, "percent": None, "description": "", "result": None,
    "error": None, "stalled": False, "complete": False,
}  # fmt: skip


def event(state, version, **more):
    ended = state in {"SUCCESS", "FAILURE", "REVOKED"}
    error = "The task failed." if state == "FAILURE" else None
    run = 2 if version > 1 else 0
    return EVENT | {"state": state, "version": version, "run": run, "complete": ended,
                    "error": error} | more  # fmt: skip


def began(at, nth=1, retries=0):
    return {"what": "began", "nth": nth, "at": at, "retries": retries, "pid": 7}


def ended(at, how, nth=1):
    return {"what": "ended", "nth": nth, "at": at, "how": how, "said": [0], "pid": 7}


class Shown:
    """What is shown of one life, and what the judge says of it."""

    def __init__(self, *notes, statuses=(), weather="fair", **life):
        self.living = Living(Life(**{"task_id": "x", "script": (Attempt(),)} | life))
        self.living.notes = list(notes)
        self.living.statuses = list(statuses)
        self.facts = SimpleNamespace(
            killed=[], cold=[], purged=[], raged=[], emptied=[], deaths=[], celery="5.7",
            weather=weather, copies=False,
        )  # fmt: skip
        self.living.truth = truth(Case(self.living, self.facts, now=100.0))

    def rules(self, *frames, late=None, state=None):
        """The rules that these frames and views break; a view that is not given is the newest."""
        newest = frames[-1][1]
        seen = Seen(list(frames), newest, late or newest, state or newest)
        return [each.rule for each in findings(self.living, seen, self.facts)]
