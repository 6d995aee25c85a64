"""Checks the events before a task's end, and Celery's record at that time."""

from itertools import pairwise

from tests.lifecycle.case import READY, copied
from tests.lifecycle.ends import SLACK, justified, unstored

#: Ends after which a task waits once more.
BACK = {"ignore", "requeue", "replace"}
AT_WORK = {"began", "ended", "piece began", "piece ended"}


def between(living, seen, facts):
    """All that is wrong before the end, each as (rule, what was shown, "")."""
    yield from _order(living, seen, facts)
    yield from _over(living, seen, facts)
    yield from _waits(living, seen, facts)
    yield from _record(living)


def _order(living, seen, facts):
    """What holds of the events that came, whatever the task did."""
    newest, came, lost = None, 0, unstored(living, facts)
    waits = [note["at"] for note in living.notes if note.get("how") in BACK]
    for at, event in seen.frames:
        if newest is not None:
            waited = any(came - SLACK < when < at for when in waits)  # not always shown
            yield from _follows(newest, event, stored=not _within(lost, came), waited=waited)
        share = event["percent"]
        if share is not None and share >= 100 and not event["complete"]:
            yield "percent before the end", f"{share} in {event['state']}", ""
        if newest is None or event["version"] > newest["version"]:
            newest, came = event, at


def _within(times, at):
    return any(start < at < end for start, end in times)


def _follows(newest, event, *, stored, waited):
    step = f"{newest['state']} to {event['state']}"
    if event["version"] < newest["version"]:
        yield "versions", step, ""
        return
    if 0 < event["published"] < newest["published"]:
        yield "published falls", step, ""
    if not stored or event["state"] == "UNKNOWN":  # that has no attempt and no counts
        return
    same_life = event["published"] == newest["published"]
    if same_life and event["attempt"] < newest["attempt"] and event["state"] != "SUCCESS":
        yield "attempt falls", step, ""
    same = event["run"] == newest["run"] and event["attempt"] == newest["attempt"]
    fell = (event["percent"] or 0) < (newest["percent"] or 0)
    if same and fell and event["run"] and event["state"] != "PENDING" and not waited:
        yield "percent falls", step, ""


def _over(living, seen, facts):
    """Nothing is called over that goes on; a task that began is known."""
    if living.life.kind == "eager":
        return
    notes = living.first[0] if living.first else living.notes
    began = [note["at"] for note in notes if note["what"] == "began"]
    for at, event in seen.frames:
        after = [note for note in notes if note["what"] in AT_WORK and note["at"] > at + SLACK]
        frozen = facts.weather == "worker frozen" and _is_recorded(living, event, at)
        if (
            event["complete"]
            and after
            and not (frozen or justified(living, event["state"], at, facts))
        ):
            late = f"{after[0]['what']} {after[0]['at'] - at:.1f} s later"
            yield "called over and goes on", f"{event['state']}, then {late}", ""
            break
    for at, event in seen.frames:
        known = began and at > began[0] + 2 and not facts.emptied
        if event["state"] == "UNKNOWN" and known and facts.weather != "short retention":
            yield "unknown", "UNKNOWN after it began", ""
            break


def _is_recorded(living, event, at):
    """Whether Celery 5.6 had recorded REVOKED for a run that went on."""
    recorded = any(status == "REVOKED" and when < at for when, status in living.statuses)
    return event["state"] == "REVOKED" and recorded


def _waits(living, seen, facts):
    """A task that was shown at work does not wait again, unless it went back to the queue."""
    if copied(living.life, living.notes, facts) or living.first or facts.emptied:
        return
    lost = unstored(living, facts)
    back = any(
        note["what"] == "aborted" or (note["what"] == "ended" and note["how"] in BACK)
        for note in living.notes
    )
    at_work = False
    for at, event in seen.frames:
        if event["state"] == "PENDING" and at_work and not back:
            yield "waits again", "PENDING after it was at work", ""
            break
        at_work |= event["state"] not in {"PENDING", "UNKNOWN"} and not _within(lost, at)


def _record(living):
    """What the task wrote into Celery's record itself stays there, and it sees an abort."""
    notes = [] if living.first else living.notes
    ends = [n for n in notes if n["what"] == "ended" and n["how"] == "abortable"]
    began = {note["nth"]: note["at"] for note in notes if note["what"] == "began"}
    asked = [n["at"] for n in notes if n["what"] == "outside" and n["did"] == "abort"]
    aborted = any(note["what"] == "aborted" for note in notes)
    others = {status for when, status in living.statuses if asked and when > asked[0]}
    for end in ends:
        in_time = any(began[end["nth"]] + SLACK < at < end["at"] - 1 for at in asked)
        if in_time and not aborted and len(began) == end["nth"] and "PROGRESS" in others:
            yield "abort is lost", "the task never sees ABORTED", ""
    executions = sum(note["what"] == "began" for note in living.notes)  # a RETRY may come between
    written = [status for _, status in living.statuses]
    for before, after in pairwise(written):
        if before in {*READY, "ABORTED"} and after == "PROGRESS" and executions < 2:
            yield "record overwritten", f"{before} by PROGRESS in Celery's record", ""
