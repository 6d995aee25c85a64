"""How a task ended by its own notes, where Celery has no record that can be trusted."""

from math import inf

from tests.lifecycle.case import OPEN, READY, SILENCE, UNDECIDED, Truth, only


def noted(case):
    """Celery has no record of an outcome, or one that is not to be trusted: go by the notes."""
    if case.quiet < 1.0:
        return UNDECIDED
    if case.hangs():
        return Truth(OPEN, "an execution hangs in its worker")
    revoked = case.did("revoke", "terminate")
    if not case.began:
        if case.status in READY:
            return only(case.status, "Celery's record")
        return _never_began(case)
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
    if case.goes_on(how):
        return _stays_away(case, how)
    if any(case.exits_late(note.get("how")) for note in case.ended.values()):
        return UNDECIDED
    if ends := _all_ends(case):
        return Truth(frozenset(ends), "two runs at once, by their notes")
    return by_end(case, how)


def _never_began(case):
    """Its message was lost, revoked or expired, and no record says so."""
    if case.quiet < SILENCE + 4:
        return UNDECIDED
    lost = purged(case) or _taken(case)
    dropped = case.did("revoke", "terminate") or case.life.expires is not None or case.second
    entered = any(note["what"] == "entered" for note in case.notes)
    if entered and case.limited:
        ends = {"FAILURE", *(lost.states if lost else ()), *({"REVOKED"} if dropped else ())}
        return Truth(frozenset(ends), "its time was over before it wrote its first note")
    if lost and dropped:
        return Truth(lost.states | {"REVOKED"}, f"revoked or expired, unless {lost.why}")
    if dropped:
        return only("REVOKED", "it never began, and its result is ignored")
    return lost or UNDECIDED


def _stays_away(case, how):
    """Another execution is to follow, and has not begun."""
    if case.quiet < SILENCE + 1:
        return UNDECIDED
    others = _all_ends(case)
    if case.did("revoke", "terminate") or case.life.expires is not None:
        failed = case.on_retry_raised(how) or case.facts.purged
        ends = {"REVOKED", *others, *({"FAILURE"} if failed else ())}
        return Truth(frozenset(ends), "revoked or expired before its next execution")
    if found := purged(case) or _cut_as_it_retries(case):
        return Truth(found.states | others, found.why)
    if others:  # a message that came back before is not there to come back once more
        return Truth(frozenset(others), "the other execution ended the task")
    return UNDECIDED


def _cut_as_it_retries(case):
    """A time limit or a kill may come while retry() sends the message, which is lost then."""
    killed = any(0 < at - case.last["at"] < 1 for at in case.facts.killed)
    if not (killed or (case.limited and not case.second)) or case.quiet < SILENCE + 1:
        return None
    return Truth(frozenset({"FAILURE", *_dropped(case)}), "cut off as it sent its retry")


def _all_ends(case):
    """How all executions ended, if several ran at the same time; else an empty set."""
    if not case.copied or len(case.began) < 2:
        return set()
    ends = [by_end(case, note.get("how", "aborted")).states for note in case.ended.values()]
    return set().union(*(each or () for each in ends))


def _taken(case):
    """A worker was killed that may have taken the message, and acknowledged it early.

    A message that is acknowledged late can be lost only while it is on its way to the worker.
    """
    sent = case.now - case.quiet
    longest = 1.0 if case.life.late else case.now
    killed = any(
        sent < at + 0.5 < case.now - SILENCE and at < sent + longest for at in case.facts.killed
    )
    if not killed:
        return None
    return Truth(OPEN, "its message was lost with a worker before it began: nobody knows")


def purged(case):
    """Nothing goes on, since the message was taken from the queue."""
    if not case.facts.purged or case.quiet < SILENCE + 1:
        return None
    how = case.last and case.last.get("how")
    if how in {None, "requeue", "replace"}:
        return Truth(OPEN, "its message was purged: nobody knows")
    return only("FAILURE", "its retry was purged")


def _dropped(case):
    """REVOKED, if a cold shutdown may have cancelled it without sending its retry."""
    unsaid = case.second and case.status == "SUCCESS"  # of the id's first life, for ever
    return {"REVOKED"} if case.facts.cold and (unsaid or case.status == "RETRY") else set()


def _cut(case, revoked):
    """An execution began and never ended."""
    life = case.life
    if case.copied and case.ended and case.limited:
        own = by_end(case, case.last.get("how", "aborted"))
        return Truth((own.states or READY) | {"FAILURE"}, "two runs at once, one out of time")
    if case.lost():
        if life.late and case.quiet < SILENCE + 4:
            return UNDECIDED
        return Truth(
            frozenset({"FAILURE", *_dropped(case)}),
            "lost with its worker: Celery's record stays open for ever",
        )
    if case.status == "ABORTED":
        return Truth(frozenset({"FAILURE", "REVOKED"}), "ABORTED after its time limit")
    if case.did("terminate") and life.hard is not None:
        return Truth(frozenset({"FAILURE", "REVOKED"}), "time limit and terminated")
    if life.hard is not None:
        return only("FAILURE", "hard time limit, and its result is ignored")
    if life.soft is not None:
        return only("FAILURE", "soft time limit, and its result is ignored")
    if revoked:
        return only("REVOKED", "terminated, and its result is ignored")
    return UNDECIDED


def by_end(case, how):
    """What the note of the last execution says; others may have ended it at that very moment."""
    own = _by_note(case, how)
    if own.states is None or case.last is None:
        return own
    states = own.states
    if case.ended_out_of_time():
        states |= {"FAILURE"}
    if (at := case.did("terminate")) and abs(_obeyed(case, at) - case.last["at"]) < 1:
        states |= {"REVOKED"}
    return own if states == own.states else Truth(states, f"{own.why}; ended meanwhile")


def _obeyed(case, at):
    """When the worker did what it was told at that moment: a frozen one does it after that."""
    frozen = case.facts.raged if case.facts.weather == "worker frozen" else []
    return max([at, *(end for start, end in frozen if start < at < end)])


def _by_note(case, how):
    if how in {"success", "hang", "abortable"}:
        if case.life.base == "raising hooks" and case.facts.celery != "5.7":
            return Truth(frozenset({"SUCCESS", "FAILURE"}), "success, and then its hook raised")
        return only("SUCCESS", "its note says success")
    if how in {"failure", "public", "auto"}:
        return only("FAILURE", f"its note says {how}")
    if how == "ignore":
        if stored := _stored(case):
            return Truth(stored, "stored by hand")
        if case.status == "ABORTED" or (case.status == "REVOKED" and not case.second):
            return Truth(OPEN | {"REVOKED"}, "Celery records that somebody asked for it")
        return Truth(OPEN, "Ignore: no outcome, and Celery has none either")
    if how == "aborted":
        return Truth(OPEN | {"REVOKED"}, "ABORTED is no state of Celery's own")
    if how == "reject":
        return Truth(
            frozenset({"FAILURE", "REVOKED"}), "rejected: Celery before 5.7 records nothing"
        )
    if case.exits_late(how):
        return UNDECIDED
    if how == "exit" and case.facts.celery != "5.7":
        return Truth(OPEN | {"FAILURE"}, "SystemExit: Celery 5.5 and 5.6 may record nothing")
    if how in {"kill", "exit"}:
        return only("FAILURE", "its process ended, and its result is ignored")
    if how == "replace":
        return _replaced(case)
    return UNDECIDED


def _stored(case):
    """The outcomes that executions stored themselves before they ended by Ignore.

    That has no effect where Celery's record says SUCCESS, also of the id's first life.
    """
    succeeded = min((at for at, status in case.statuses if status == "SUCCESS"), default=inf)
    ignored = [
        nth
        for nth, note in case.ended.items()
        if note.get("how") == "ignore" and note["at"] < succeeded
    ]
    return READY & {each.stored for nth, each in enumerate(case.script, 1) if nth in ignored}


def _replaced(case):
    lasts = [
        note for note in case.notes if note["what"] == "piece ended" and note["piece"] == "last"
    ]
    if not lasts and case.status in READY:
        return only(case.status, "Celery's record of its replacement")
    # The end may come some seconds after the last piece; the id is used again only after that.
    before = SILENCE if case.life.again and not case.second else 2
    if not lasts or case.quiet < before:
        if (case.facts.killed or case.facts.cold) and case.quiet > SILENCE + 4:
            return Truth(
                OPEN | {"FAILURE", *_dropped(case)},
                "a piece of its replacement was lost with its worker",
            )
        if case.did("revoke", "terminate") and case.quiet > SILENCE:
            return only("REVOKED", "its replacement was revoked, and never began")
        return purged(case) or UNDECIDED
    if case.did("revoke", "terminate"):
        states = READY if case.status == "REVOKED" else READY - {"REVOKED"}
        return Truth(states, "its replacement was revoked, perhaps in time")
    state = "FAILURE" if any(note["fails"] for note in lasts) else "SUCCESS"
    return only(state, "its replacement's note")
