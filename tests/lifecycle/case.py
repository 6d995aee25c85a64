"""A life with what is known of it: its notes, Celery's record, and what was done to its stack."""

from copy import copy
from dataclasses import dataclass

READY = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
OPEN = frozenset({"PENDING", "STARTED", "PROGRESS", "RETRY"})
RETRIES = {"": 0, "at once": 3, "backoff": 2, "jitter": 2}
#: How an execution ends by its own word.
STATE_OF = {"success": "SUCCESS", "hang": "SUCCESS", "abortable": "SUCCESS",
            "failure": "FAILURE", "public": "FAILURE", "reject": "FAILURE"}  # fmt: skip
HANGS = 20.0  # seconds without a note after which an execution hangs
SILENCE = 6.0  # seconds that an execution may be without a note: hung for 3, frozen for 2


@dataclass(frozen=True)
class Truth:
    """The states that are right, or None while nobody can know."""

    states: frozenset | None
    why: str


def only(state, why):
    return Truth(frozenset({state}), why)


UNDECIDED = Truth(None, "it goes on")


def copied(life, notes, facts):
    """Whether the broker may have brought the message twice."""
    again = any(note.get("did") == "redeliver" for note in notes) or _came_twice(notes)
    return again or facts.copies or (life.late and bool(facts.killed or facts.cold))


def _came_twice(notes):
    """Whether two executions had the same message, although the first one did not give it back.

    A worker that shuts down gives back what it has not acknowledged, as after a hook that raised.
    """
    ends = {note["nth"]: note.get("how") for note in notes if note["what"] == "ended"}
    kept = [
        note["retries"]
        for note in notes
        if note["what"] == "began" and ends.get(note["nth"]) not in {"requeue", "kill", "exit"}
    ]
    return len(kept) > len(set(kept))


def over(notes):
    """When Celery had finished with each execution that wrote how it ends, by its number.

    One that was cut off after that wrote no other note; it is given a second.
    """
    ends = {note["nth"]: note["at"] + 1 for note in notes if note["what"] in {"ended", "aborted"}}
    return ends | {note["nth"]: note["at"] for note in notes if note["what"] == "left"}


class Case:
    """A life with what is known of it."""

    def __init__(self, living, facts, now):
        self.life, self.notes, self.status = living.life, living.notes, living.status
        self.statuses, self.facts, self.now = living.statuses, facts, now
        self.second, self.eager = bool(living.first), living.eager
        self.script = self.life.again if self.second else self.life.script
        self.copied = copied(self.life, self.notes, facts)
        self.began = [note for note in self.notes if note["what"] == "began"]
        ends = [note for note in self.notes if note["what"] in {"ended", "aborted"}]
        self.ended = {note["nth"]: note for note in ends}
        self.open = [note for note in self.began if note["nth"] not in self.ended]
        self.quiet = now - max((n["at"] for n in self.notes if n["what"] != "outside"), default=now)
        self.limited = self.life.soft is not None or self.life.hard is not None
        self.last = self._last_end()

    def _last_end(self):
        ends = sorted(self.ended.values(), key=lambda note: note["at"])
        return ends[-1] if ends else None

    def did(self, *whats):
        """Whether somebody did that to it, and when last."""
        found = [note["at"] for note in self.notes if note["what"] == "outside"
                 and note["did"] in whats]  # fmt: skip
        return max(found, default=None)

    def lost(self):
        """Whether an execution ended with its whole worker."""
        ends = [*self.facts.killed, *self.facts.cold]
        return any(note["at"] < at < self.now for note in self.open for at in ends)

    def hangs(self):
        """Whether Celery has begun an execution that nothing ended, in a process that lives on.

        Eventlet may forget a greenlet that waits for a socket.
        """
        ended = (
            self.limited or self.did("revoke", "terminate") or self.facts.killed or self.facts.cold
        )
        if ended or self.life.pool == "prefork" or self.quiet < HANGS:
            return False
        whats = [note["what"] for note in self.notes]
        return whats.count("entered") > whats.count("left")

    def pieces_at_work(self):
        """Whether a piece of a replacement is still at work."""
        count = {"piece began": 0, "piece ended": 0}
        for note in self.notes:
            if note["what"] in count:
                count[note["what"]] += 1
        return count["piece began"] > count["piece ended"]

    def overwritten(self):
        """The outcome that a revoke or abort replaced in Celery's record, if it had one."""
        if len(self.statuses) < 2 or (self.began and self.began[-1]["at"] > self.statuses[-2][0]):
            return None
        when, before = self.statuses[-2]
        if self.life.base == "raising hooks" and self._replaced_after(when):
            return None  # FAILURE of a hook, while the task went on
        return before if before in READY - {self.status} else None

    def ended_out_of_time(self):
        """Whether the last execution ended when its hard time limit was over, or nearly so."""
        if self.life.hard is None or self.second or self.last is None:
            return False
        began = next((n["at"] for n in self.began if n["nth"] == self.last["nth"]), self.now)
        return over(self.notes)[self.last["nth"]] > began + self.life.hard - 0.3

    def earlier(self):
        """The case as it was before the last change of Celery's record."""
        case = copy(self)
        case.statuses = self.statuses[:-1]
        case.status = case.statuses[-1][1]
        return case

    def _replaced_after(self, when):
        """Whether a replacement of the task was at work after that moment."""
        return any(note["what"] == "piece ended" and note["at"] > when for note in self.notes)

    def own_end(self):
        """How the newest execution ended by its own note."""
        newest = max(self.began, key=lambda note: note["nth"])
        how = self.ended.get(newest["nth"], {}).get("how")
        return STATE_OF.get(how)

    def goes_on(self, how):
        """Whether another execution is to follow that end."""
        if how in {"retry", "requeue"}:
            return True
        if how == "auto":
            return self.last["nth"] and self.retries() < RETRIES[self.life.auto]
        if how not in {"kill", "exit"}:
            return False
        retried = self.life.lost_retry and self.facts.celery == "5.7" and self.retries() < 3
        return retried or (how == "kill" and self.life.late)

    def on_retry_raised(self, how):
        """Whether Celery recorded FAILURE beside the retry that it had sent."""
        return self.life.base == "raising hooks" and how in {"retry", "auto"} and self.goes_on(how)

    def retries(self):
        """Celery's count of retries when the execution began that ended last."""
        began = (note["retries"] for note in self.began if note["nth"] == self.last["nth"])
        return next(began, 0)

    def exits_late(self, how):
        """Celery 5.5 and 5.6 wait 10 s until they call a process lost that raised SystemExit."""
        return how == "exit" and self.facts.celery != "5.7" and self.quiet < 13
