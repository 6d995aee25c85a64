"""What Celery's own record and the notes of a task say about its end; see docs/lifecycle.md."""

from dataclasses import dataclass

READY = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
OPEN = frozenset({"PENDING", "STARTED", "PROGRESS", "RETRY"})
RETRIES = {"": 0, "at once": 3, "backoff": 2, "jitter": 2}
#: How an execution ends by its own word.
STATE_OF = {"success": "SUCCESS", "hang": "SUCCESS", "abortable": "SUCCESS",
            "failure": "FAILURE", "public": "FAILURE", "reject": "FAILURE"}  # fmt: skip
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
    again = any(note.get("did") == "redeliver" for note in notes)
    return again or facts.copies or (life.late and bool(facts.killed or facts.cold))


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
        """Whether an execution was killed with its whole worker."""
        return any(note["at"] < at < self.now for note in self.open for at in self.facts.killed)


def truth(case):
    """The truth of a life, as far as it can be known now."""
    life = case.life
    if life.kind == "eager":
        return _eager(case)
    if life.kind == "unregistered":
        if case.status:
            return only("FAILURE", "Celery records NotRegistered")
        return _purged(case) or UNDECIDED
    by_record = case.status in READY and not (case.second or life.ignored)
    if case.open and case.quiet < SILENCE and not (by_record and case.status == "REVOKED"):
        return UNDECIDED
    pieces = _pieces(case)
    if pieces and case.quiet < SILENCE:
        return UNDECIDED
    if by_record:
        return _recorded(case)
    return _aborted_late(case) or _noted(case)


def _aborted_late(case):
    """The outcome that somebody's abort replaced in Celery's record."""
    if case.status != "ABORTED" or case.second or (case.copied and len(case.began) > 1):
        return None
    before = _overwritten(case)
    unsure = case.life.ignored or (before == "REVOKED" and case.ended)
    if before is None or unsure or case.quiet < SILENCE:
        return None
    return only(before, "aborted after its end: the outcome that Celery recorded before")


def _pieces(case):
    """Whether a piece of a replacement is still at work."""
    count = {"piece began": 0, "piece ended": 0}
    for note in case.notes:
        if note["what"] in count:
            count[note["what"]] += 1
    return count["piece began"] > count["piece ended"]


def _eager(case):
    if case.eager is None:
        return UNDECIDED
    if case.eager in READY:
        return only(case.eager, "EagerResult says so")
    if case.eager == "raised":  # a hook, and its caller saw that
        return only("FAILURE", "its hook raised in its caller")
    if case.last is None:  # its notes are still on their way
        return UNDECIDED
    return _by_end(case, case.last.get("how", "aborted"))


def _recorded(case):
    """Celery's record has an outcome, and nothing goes on any more."""
    if case.quiet < 0.8:
        return UNDECIDED
    how = case.last and case.last.get("how")
    if _goes_on(case, how) and case.quiet < SILENCE and not case.did("revoke", "terminate"):
        return UNDECIDED
    replaced = case.copied and any(note["what"] == "piece ended" for note in case.notes)
    if replaced and len(case.began) > 1:
        return Truth(READY, "a copy of what was replaced, beside the replacement")
    if len(case.began) > 1 and case.copied and case.status != "SUCCESS":
        return Truth(
            frozenset({case.status, _own(case), _overwritten(case)} - {None}),
            "two runs at once: the record, or the newest run",
        )
    if _exits_late(case, how):
        return UNDECIDED
    if case.status == "REVOKED" and case.facts.purged and not case.began:
        return Truth(OPEN | {"REVOKED"}, "revoked, and its message purged: no worker says so")
    terminated = case.did("terminate") or 0
    unnoticed = how in {"kill", "exit"} and not _overwritten(case)
    if case.status in {"FAILURE", "REVOKED"} and unnoticed and case.last["at"] - 1 < terminated:
        return Truth(frozenset({"FAILURE", "REVOKED"}), "killed, and terminated meanwhile")
    if case.status == "REVOKED" and case.facts.purged and _goes_on(case, how):
        return Truth(frozenset({"REVOKED", "FAILURE"}), "revoked, and its retry lost")
    if case.status in {"FAILURE", "REVOKED"} and _on_retry_raised(case, how):
        dropped = case.did("revoke", "terminate") or case.life.expires is not None
        return Truth(
            frozenset({"FAILURE", "REVOKED"} if dropped else {"FAILURE"}),
            "on_retry raised, and its next execution may have been dropped",
        )
    if case.status == "REVOKED" and (before := _overwritten(case)):
        return only(before, "revoked after its end: the outcome that Celery recorded before")
    if case.status == "REVOKED" and case.last and not case.open and not _goes_on(case, how):
        return _revoked_late(case, how or "aborted")
    if case.status == "REVOKED" and _revoked_out_of_time(case):
        return Truth(frozenset({"REVOKED", "FAILURE"}), "revoked about when its time was over")
    return only(case.status, "Celery's record")


def _revoked_out_of_time(case):
    """Whether a hard time limit may have ended it, before REVOKED replaced that in the record."""
    revoked, hard = case.did("revoke", "terminate"), case.life.hard
    if revoked is None or hard is None:
        return False
    return any(note["at"] + hard - 0.3 < revoked for note in case.open)


def _revoked_late(case, how):
    """Celery 5.6 and 5.7 record REVOKED when asked to, also of what is over without a record."""
    own = _by_end(case, how)
    if own.states is None:
        return Truth(frozenset({"REVOKED"}) | (OPEN if case.facts.purged else frozenset()),
                     "Celery's record, before its replacement ended")  # fmt: skip
    if own.states & OPEN:
        return Truth(own.states | {"REVOKED"}, "ignored, and revoked after that")
    return Truth(own.states, "revoked after its end: the outcome that it had")


def _overwritten(case):
    """The outcome that a revoke or abort replaced in Celery's record, if it had one."""
    if len(case.statuses) < 2 or (case.began and case.began[-1]["at"] > case.statuses[-2][0]):
        return None
    before = case.statuses[-2][1]
    return before if before in READY - {case.status} else None


def _own(case):
    """How the newest execution ended by its own note."""
    newest = max(case.began, key=lambda note: note["nth"])
    how = case.ended.get(newest["nth"], {}).get("how")
    return STATE_OF.get(how)


def _goes_on(case, how):
    """Whether another execution is to follow that end."""
    if how in {"retry", "requeue"}:
        return True
    if how == "auto":
        return case.last["nth"] and _retries(case) < RETRIES[case.life.auto]
    if how not in {"kill", "exit"}:
        return False
    retried = case.life.lost_retry and case.facts.celery == "5.7" and _retries(case) < 3
    return retried or (how == "kill" and case.life.late)


def _on_retry_raised(case, how):
    """Whether Celery recorded FAILURE beside the retry that it had sent."""
    return case.life.base == "raising hooks" and how in {"retry", "auto"} and _goes_on(case, how)


def _retries(case):
    return next(note["retries"] for note in case.began if note["nth"] == case.last["nth"])


def _noted(case):
    """Celery has no record of an outcome, or one that is not to be trusted: go by the notes."""
    life, quiet = case.life, case.quiet
    if not case.second and case.status in READY and (case.open or not case.began):
        return _recorded(case)
    if quiet < 1.0:
        return UNDECIDED
    revoked = case.did("revoke", "terminate")
    if not case.began:
        if case.status in READY:
            return only(case.status, "Celery's record")
        if gone := _purged(case):
            return gone
        if quiet > SILENCE and (revoked or life.expires is not None or case.second):
            return only("REVOKED", "it never began, and its result is ignored")
        return UNDECIDED
    newest = max(note["nth"] for note in case.began)
    if case.open and not (case.lost() and newest in case.ended):
        return _cut(case, revoked)
    how = case.last.get("how", "aborted")
    newest_celery = case.facts.celery == "5.7"
    if case.second and case.status == "SUCCESS" and how in {"kill", "exit"} and newest_celery:
        return Truth(
            frozenset({"SUCCESS", "FAILURE"}),
            "Celery may take the first task's SUCCESS for its own",
        )
    if _goes_on(case, how):
        if quiet > SILENCE + 1 and (revoked or life.expires is not None):
            failed = {"FAILURE"} if _on_retry_raised(case, how) else set()
            return Truth(
                frozenset({"REVOKED", *failed}), "revoked or expired before its next execution"
            )
        return _purged(case) or UNDECIDED
    if any(_exits_late(case, note.get("how")) for note in case.ended.values()):
        return UNDECIDED
    if len(case.began) > 1 and case.copied:
        ends = [_by_end(case, note.get("how", "aborted")).states for note in case.ended.values()]
        states = frozenset().union(*(each or () for each in ends))
        return Truth(states, "two runs at once, by their notes")
    return _by_end(case, how)


def _purged(case):
    """Nothing goes on, since the message was taken from the queue."""
    if not case.facts.purged or case.quiet < SILENCE + 1:
        return None
    how = case.last and case.last.get("how")
    if how in {None, "requeue", "replace"}:
        return Truth(OPEN, "its message was purged: nobody knows")
    return only("FAILURE", "its retry was purged")


def _cut(case, revoked):
    """An execution began and never ended."""
    life = case.life
    if not life.late and any(note["at"] < at for note in case.open for at in case.facts.cold):
        dropped = {"REVOKED"} if case.status == "RETRY" else set()
        return Truth(
            frozenset({"FAILURE", *dropped}), "cut off by a cold shutdown; nothing runs again"
        )
    if case.copied and case.ended and life.hard is not None:
        own = _by_end(case, case.last.get("how", "aborted"))
        return Truth((own.states or READY) | {"FAILURE"}, "two runs at once, one out of time")
    if case.lost():
        if life.late and case.quiet < SILENCE + 4:
            return UNDECIDED
        return only("FAILURE", "lost with its worker: Celery's record stays open for ever")
    if case.status == "ABORTED":
        return Truth(frozenset({"FAILURE", "REVOKED"}), "ABORTED after its time limit")
    if revoked and life.hard is not None:
        return Truth(frozenset({"FAILURE", "REVOKED"}), "time limit and terminated")
    if life.hard is not None:
        return only("FAILURE", "hard time limit, and its result is ignored")
    if life.soft is not None:
        return only("FAILURE", "soft time limit, and its result is ignored")
    if revoked:
        return only("REVOKED", "terminated, and its result is ignored")
    return UNDECIDED


def _exits_late(case, how):
    """Celery 5.5 and 5.6 wait 10 s until they call a process lost that raised SystemExit."""
    return how == "exit" and case.facts.celery != "5.7" and case.quiet < 13


def _by_end(case, how):
    """What the note of the last execution says; others may have ended it at that very moment."""
    own = _by_note(case, how)
    if own.states is None or case.last is None:
        return own
    began = next((n["at"] for n in case.began if n["nth"] == case.last["nth"]), case.now)
    states = own.states
    if case.life.hard is not None and case.last["at"] > began + case.life.hard - 0.3:
        states |= {"FAILURE"}
    if (at := case.did("terminate")) and abs(at - case.last["at"]) < 1:
        states |= {"REVOKED"}
    return own if states == own.states else Truth(states, f"{own.why}; ended meanwhile")


def _by_note(case, how):
    if how in {"success", "hang", "abortable"}:
        if case.life.base == "raising hooks" and case.facts.celery != "5.7":
            return Truth(frozenset({"SUCCESS", "FAILURE"}), "success, and then its hook raised")
        return only("SUCCESS", "its note says success")
    if how in {"failure", "public", "auto"}:
        return only("FAILURE", f"its note says {how}")
    if how == "ignore":
        stored = case.script[case.last["nth"] - 1].stored
        if stored in READY:
            return only(stored, "stored by hand")
        if case.status == "ABORTED":
            return Truth(OPEN | {"REVOKED"}, "ABORTED is no state of Celery's own")
        return Truth(OPEN, "Ignore: no outcome, and Celery has none either")
    if how == "aborted":
        return Truth(OPEN | {"REVOKED"}, "ABORTED is no state of Celery's own")
    if how == "reject":
        return Truth(
            frozenset({"FAILURE", "REVOKED"}), "rejected: Celery before 5.7 records nothing"
        )
    if _exits_late(case, how):
        return UNDECIDED
    if how == "exit" and case.facts.celery != "5.7":
        return Truth(OPEN | {"FAILURE"}, "SystemExit: Celery 5.5 and 5.6 may record nothing")
    if how in {"kill", "exit"}:
        return only("FAILURE", "its process ended, and its result is ignored")
    if how == "replace":
        return _replaced(case)
    return UNDECIDED


def _replaced(case):
    lasts = [
        note for note in case.notes if note["what"] == "piece ended" and note["piece"] == "last"
    ]
    if not lasts and case.status in READY:
        return only(case.status, "Celery's record of its replacement")
    if not lasts or case.quiet < 2:
        if (case.facts.killed or case.facts.cold) and case.quiet > SILENCE + 4:
            return Truth(OPEN | {"FAILURE"}, "a piece of its replacement was lost with its worker")
        if case.did("revoke", "terminate") and case.quiet > SILENCE:
            return only("REVOKED", "its replacement was revoked, and never began")
        return _purged(case) or UNDECIDED
    if case.did("revoke", "terminate"):
        states = READY if case.status == "REVOKED" else READY - {"REVOKED"}
        return Truth(states, "its replacement was revoked, perhaps in time")
    state = "FAILURE" if any(note["fails"] for note in lasts) else "SUCCESS"
    return only(state, "its replacement's note")
