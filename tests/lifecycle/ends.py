"""Whether an end was right at the moment when it was shown, and whether it could be delivered."""

from math import inf

from tests.lifecycle.case import READY, RETRIES, STATE_OF, over
from tests.lifecycle.stack import LOST_AFTER

SLACK = 0.35  # seconds between what happens and its note, on a busy machine
TRY_AGAIN = 1.5  # seconds after an outage until each process has repeated its events
LATE = 0.3  # seconds after an end in which a time limit may still kill the process
#: Kinds of weather in which the store is there all the time.
UNTOUCHED = {"fair", "worker killed", "worker frozen", "worker warm", "worker cold",
             "visibility timeout", "queue purged"}  # fmt: skip
BACK_TO_QUEUE = {"requeue", "retry", "auto", "kill", "exit"}  # ends that a message follows
#: Notes after which a process has nothing more to say of an execution.
OWN_ENDS = {"ended", "aborted", "piece ended", "collected"}


def justified(living, state, at, facts):
    """Whether the task was over in this state at that moment, for Celery or by its own notes."""
    notes = living.first[0] if living.first else living.notes
    ends = [each for each in own_ends(living, notes) if each[0]["at"] < at + SLACK]
    said = any(end == state for _, end in ends)
    recorded = any(status == state and when < at + 0.5 for when, status in living.statuses)
    hooked = state == "FAILURE" and any(
        note.get("hook") == "on_failure" and note["at"] < at + SLACK for note in notes
    )
    limits = [each for each in (living.life.soft, living.life.hard) if each is not None]
    until = over(notes)
    limited = state == "FAILURE" and any(
        note["at"] + limit < min(at, until.get(note["nth"], inf) + LATE)
        for note in notes
        for limit in limits
        if note["what"] == "began"
    )
    if state == "SUCCESS":  # of one of two executions at once, or of a replacement
        return said or recorded
    given_up = state == "FAILURE" and any(
        at > lost + LOST_AFTER - 1 for lost in [*facts.killed, *facts.cold, *facts.purged]
    )
    return (said or recorded or hooked or given_up or limited) and not _newer_at_work(
        notes, ends, state, at, at - delivered_within(facts, at)
    )


def delivered_within(facts, at):
    """How many seconds before that moment an event may have been, which was shown then.

    While the store takes no events, a process repeats its own every second, and nothing compares
    them with those of other processes.
    """
    waited = [at - start for start, end in away(facts) if start - SLACK < at < end + TRY_AGAIN]
    return max([0.0, *waited]) + SLACK


def own_ends(living, notes):
    """The notes of executions that ended, each with its state; None if it waits or has no word."""
    life = living.life
    script = life.again if living.first and notes is living.notes else life.script
    by_hand = {nth: each.stored for nth, each in enumerate(script, 1) if each.stored in READY}
    # Celery never overwrites a SUCCESS in its record.
    succeeded = min((at for at, status in living.statuses if status == "SUCCESS"), default=inf)
    retries = {note["nth"]: note["retries"] for note in notes if note["what"] == "began"}
    for note in notes:
        if note["what"] == "aborted":  # it saw ABORTED in Celery's record, and raised Ignore
            yield note, "REVOKED"
        elif note.get("how") == "ignore":
            yield note, by_hand.get(note["nth"]) if note["at"] < succeeded else None
        elif note["what"] == "ended":
            last = note["how"] == "auto" and retries.get(note["nth"], 0) >= RETRIES[life.auto]
            yield note, "FAILURE" if last else STATE_OF.get(note["how"])


def _newer_at_work(notes, own_ends, state, at, sent):
    """Whether a newer execution than the one that ended so was at work when that was sent."""
    own = [note["nth"] for note, end in own_ends if end == state]
    past = [note for note in notes if note["at"] < at + SLACK]
    hooks = [note["at"] for note in past if note.get("hook") == "on_failure"]
    if state == "FAILURE":  # a hook raised, so that the execution failed that ended before it
        ends = [note for note, _ in own_ends]
        own += [note["nth"] for hook in hooks for note in _last_before(ends, hook)]
    if any(note["what"] == "piece ended" for note in past):
        own += [note["nth"] for note in past if note.get("how") == "replace"]
    if state == "REVOKED":  # its next message was dropped, as revoked or expired
        own += [note["nth"] for note in past if note.get("how") in BACK_TO_QUEUE]
    ended = max(own, default=0)
    began = {note["nth"]: note["at"] for note in notes if note["what"] == "began"}
    return any(
        note["nth"] > ended and began.get(note["nth"], at) < sent and note["at"] > at + SLACK
        for note in notes
        if note["what"] in {"ended", "aborted"}
    )


def _last_before(notes, at):
    """The last note before that moment, in a list; or an empty list."""
    return sorted((note for note in notes if note["at"] <= at), key=lambda note: note["at"])[-1:]


def first_died_with_its_words(living, facts):
    """Whether the process that ended the id's first life was killed before it delivered how."""
    ends = [note for note in living.first[0] if note["what"] in OWN_ENDS]
    return any(
        pid == end["pid"] and end["at"] < at < end["at"] + SLACK
        for end in ends[-1:]
        for pid, at in facts.deaths
    )


def died_with_its_words(living, facts):
    """Whether the process that ended the task was killed before it could deliver how."""
    ends = [note for note in living.notes if note["what"] in OWN_ENDS]
    ends += _cut_softly(living)
    known = [*(note["at"] for note in ends), *(at - SLACK for at, _ in living.statuses)]
    if any(0 < at - max(known, default=at) < 1 for at in [*facts.killed, *facts.cold]):
        return True  # the whole worker
    if not ends:
        return False
    last = max(ends, key=lambda note: note["at"])
    delivered = [end + 1 for start, end in away(facts) if start - 1 < last["at"] < end + 1]
    until = max([last["at"] + SLACK, *delivered])
    return any(pid == last["pid"] and last["at"] < at < until for pid, at in facts.deaths)


def _cut_softly(living):
    """When and in which process a soft time limit ended executions, which write no note then."""
    over = {note["nth"] for note in living.notes if note["what"] in {"ended", "aborted"}}
    soft = None if living.first else living.life.soft
    return [
        {"at": note["at"] + soft, "pid": note["pid"]}
        for note in living.notes
        if soft and note["what"] == "began" and note["nth"] not in over
    ]


def unstored(living, facts):
    """The times, each as (from, to), when watchers saw what no store ever had.

    A process of this life ended while the store took no events: who watched saw what it announced.
    """
    notes = [*living.notes, *(living.first[0] if living.first else [])]
    pids = {note["pid"] for note in notes if "pid" in note}
    return [
        (start - SLACK, died + 1)
        for pid, died in facts.deaths
        for start, end in away(facts)
        if pid in pids and start - SLACK < died < end + 1
    ]


def away(facts):
    """The times, each as (from, to), when the store took no events."""
    return [] if facts.weather in UNTOUCHED else facts.raged


def deaths(living):
    """Process ids of executions that were killed, and when: by their own doing, or by others.

    Other pools than prefork have one process for all, which lives on.
    """
    if living.life.pool != "prefork":
        return
    failed = [when for when, status in living.statuses if status == "FAILURE"]
    if living.first:  # the second life has no time limits
        yield from _killed(living.first[0], living.life.hard, failed)
    yield from _killed(living.notes, None if living.first else living.life.hard, failed)


def _killed(notes, hard, failed):
    """Process ids and times; ``failed`` are the times when FAILURE was read from the record.

    A busy worker enforces a hard time limit late, and records FAILURE then.
    """
    ends = {note["nth"]: note for note in notes if note["what"] == "ended"}
    others = [note["at"] for note in notes if note.get("did") == "terminate"]
    for note in notes:
        if note["what"] != "began":
            continue
        end = ends.get(note["nth"])
        due = note["at"] + hard if hard else 0
        limit = [due, *(at for at in failed if at > due)] if hard else []
        if end:  # its worker did not know yet that it was over
            yield from ((note["pid"], at) for at in others if 0 < at - end["at"] < SLACK)
        if end and end["how"] in {"kill", "exit"}:
            yield note["pid"], end["at"]
        elif not end:
            yield from ((note["pid"], at) for at in [*limit, *others])
        elif hard and over(notes)[note["nth"]] > note["at"] + hard - LATE:
            yield note["pid"], max(end["at"], note["at"] + hard)
