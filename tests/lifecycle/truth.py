"""How a task ended by Celery's record and by its own notes; see docs/lifecycle.md."""

from tests.lifecycle.case import OPEN, READY, SILENCE, UNDECIDED, Truth, only
from tests.lifecycle.noted import by_end, noted, purged


def truth(case):
    """The truth of a life, as far as it can be known now."""
    life = case.life
    if life.kind == "eager":
        return _eager(case)
    if life.kind == "unregistered":
        if case.status:
            return only("FAILURE", "Celery records NotRegistered")
        return purged(case) or UNDECIDED
    by_record = case.status in READY and not (case.second or life.ignored)
    if case.open and case.quiet < SILENCE and not (by_record and case.status == "REVOKED"):
        return UNDECIDED
    pieces = case.pieces_at_work()
    if pieces and case.quiet < SILENCE:
        return UNDECIDED
    if by_record:
        return _recorded(case)
    if before := _aborted_late(case):
        return before
    # A time limit, which the record does not say; only a terminate ends a task before that.
    limited = case.limited and case.open and not case.did("terminate")
    unsaid = case.status == "REVOKED" and limited
    if not case.second and case.status in READY and (case.open or not case.began) and not unsaid:
        return _recorded(case)
    return noted(case)


def _aborted_late(case):
    """The outcome that somebody's abort replaced in Celery's record."""
    if case.status != "ABORTED" or case.second or (case.copied and len(case.began) > 1):
        return None
    before = case.overwritten()
    unsure = case.life.ignored or (before == "REVOKED" and case.ended)
    if before is None or unsure or case.quiet < SILENCE:
        return None
    if _fails_silently(case):
        return Truth(OPEN | {before}, "its replacement failed without a signal, and was aborted")
    return _recorded(case.earlier())  # the abort came after its end


def _eager(case):
    if case.eager is None:
        return UNDECIDED
    if case.eager in READY:
        return only(case.eager, "EagerResult says so")
    if case.eager == "raised":  # a hook, and its caller saw that
        return only("FAILURE", "its hook raised in its caller")
    if case.last is None:  # its notes are still on their way
        return UNDECIDED
    return by_end(case, case.last.get("how", "aborted"))


def _recorded(case):
    """Celery's record has an outcome, and nothing goes on any more."""
    if case.quiet < 0.8:
        return UNDECIDED
    how = case.last and case.last.get("how")
    if case.goes_on(how) and case.quiet < SILENCE and not case.did("revoke", "terminate"):
        return UNDECIDED
    if case.copied and len(case.began) > 1 and (ends := _beside_replacement(case)):
        return Truth(ends, "a copy of what was replaced, beside the replacement")
    if len(case.began) > 1 and case.copied and case.status != "SUCCESS":
        hooked = case.on_retry_raised(how) and case.did("revoke", "terminate")
        revoked = {"REVOKED"} if hooked else set()
        return Truth(
            frozenset({case.status, case.own_end(), case.overwritten(), *revoked} - {None}),
            "two runs at once: the record, or the newest run",
        )
    if case.exits_late(how):
        return UNDECIDED
    if case.status == "REVOKED" and case.facts.purged and not case.began:
        return Truth(OPEN | {"REVOKED"}, "revoked, and its message purged: no worker says so")
    if why := _ended_twice(case, how):
        return Truth(frozenset({"FAILURE", "REVOKED"}), why)
    if case.status == "REVOKED" and case.facts.purged and case.goes_on(how):
        return Truth(frozenset({"REVOKED", "FAILURE"}), "revoked, and its retry lost")
    if case.status in {"FAILURE", "REVOKED"} and case.on_retry_raised(how):
        dropped = case.did("revoke", "terminate") or case.life.expires is not None
        return Truth(
            frozenset({"FAILURE", "REVOKED"} if dropped else {"FAILURE"}),
            "on_retry raised, and its next execution may have been dropped",
        )
    if case.status == "REVOKED" and case.overwritten():
        return _recorded(case.earlier())  # revoked after its end
    over = case.last and not case.open and not case.goes_on(how) and not _exits_and_returns(case)
    if case.status == "REVOKED" and over:
        return _revoked_late(case, how or "aborted")
    if case.status == "REVOKED" and _revoked_out_of_time(case):
        return Truth(frozenset({"REVOKED", "FAILURE"}), "revoked about when its time was over")
    return _as_recorded(case, how)


def _as_recorded(case, how):
    """The record; a busy worker may enforce a time limit after the task has ended by itself."""
    if case.status == "FAILURE" and case.ended_out_of_time():
        own = by_end(case, how or "aborted").states or frozenset()
        return Truth(own & READY | {"FAILURE"}, "called out of time after it had ended")
    if case.status == "FAILURE" and case.overwritten() == "SUCCESS":
        return Truth(frozenset({"SUCCESS", "FAILURE"}), "a hook failed beside another write")
    return only(case.status, "Celery's record")


def _exits_and_returns(case):
    """Whether the message came back after SystemExit, as it does after a kill; see goes_on."""
    how = case.last and case.last.get("how")
    return how == "exit" and case.life.late and case.facts.celery == "5.7"


def _beside_replacement(case):
    """The ends that a task may have of which a copy runs beside its replacement, or an empty set.

    A replacement that is revoked before it runs writes no note.
    """
    if any(note["what"] == "piece ended" for note in case.notes):
        return READY
    replaced = any(note.get("how") == "replace" for note in case.notes)
    revoked = replaced and case.did("revoke", "terminate")
    return frozenset({case.status, "REVOKED"} if revoked else ())


def _ended_twice(case, how):
    """Why an execution may have ended as REVOKED or as FAILURE, or None."""
    before = case.overwritten()
    if case.status == "FAILURE" and before == "REVOKED" and (case.open or not case.began):
        return "terminated, and then called out of time"
    if _fails_silently(case) and {case.status, before} == {"FAILURE", "REVOKED"}:
        return "revoked, and its replacement failed without a signal"
    if case.status == "FAILURE" and before == "REVOKED" and how in {"kill", "exit"}:
        return "its process ended, and it was revoked before Celery noticed that"
    terminated = case.did("terminate") or 0
    unnoticed = how in {"kill", "exit"} and not before
    if case.status in {"FAILURE", "REVOKED"} and unnoticed and case.last["at"] - 1 < terminated:
        return "killed, and terminated meanwhile"
    return None


def _fails_silently(case):
    """Whether it was replaced by a group: if a piece fails, Celery ends the task by its record."""
    replaced = bool(case.last) and case.last.get("how") == "replace"
    return replaced and any(each.sub in {"group", "chord"} for each in case.script)


def _revoked_out_of_time(case):
    """Whether a hard time limit may have ended it, before REVOKED replaced that in the record."""
    revoked, hard = case.did("revoke", "terminate"), case.life.hard
    if revoked is None or hard is None:
        return False
    return any(note["at"] + hard - 0.3 < revoked for note in case.open)


def _revoked_late(case, how):
    """Celery 5.6 and 5.7 record REVOKED when asked to, also of what is over without a record."""
    own = by_end(case, how)
    if own.states is None:
        return Truth(frozenset({"REVOKED"}) | (OPEN if case.facts.purged else frozenset()),
                     "Celery's record, before its replacement ended")  # fmt: skip
    if own.states & OPEN:
        return Truth(own.states | {"REVOKED"}, "ignored, and revoked after that")
    return Truth(own.states, "revoked after its end: the outcome that it had")
