"""What is wrong with what was shown of a life, beside Celery's truth."""

from dataclasses import dataclass, field
from itertools import pairwise

from progress.store.result_backend import SKEW
from tests.lifecycle.ends import SLACK, UNTOUCHED, died_with_its_words, justified, lost_words
from tests.lifecycle.lives import Life
from tests.lifecycle.stack import AHEAD
from tests.lifecycle.story import story
from tests.lifecycle.truth import OPEN, READY, STATE_OF, copied

ALIKE = ("state", "attempt", "current", "total", "description", "error", "result", "stalled")
#: Alike too where the store was there all the time, so that it alone gave the versions.
STORED = ("version", "run", "published", "worker", "percent")
RUNNING = {"STARTED", "PROGRESS"}
#: Ends after which a task waits once more.
BACK = {"ignore", "requeue", "replace"}
#: Ends after which Celery's record is asked: no signal of the task's own process tells the outcome,
#: or the task waits.
ASKED = {"ignore", "kill", "exit", "replace", "retry", "auto", "requeue"}
AT_WORK = {"began", "ended", "piece began", "piece ended"}


@dataclass
class Finding:
    """One rule that was broken."""

    rule: str
    life: Life
    shown: str
    truth: str
    story: list = field(default_factory=list)

    @property
    def kind(self):
        """Findings of one kind are shown once."""
        return self.rule, self.shown.split(",")[0], self.truth.split(" (")[0]


def findings(living, seen, facts):
    """All that is wrong with what was seen of a life."""
    if living.refused:
        rules = [("id refused", living.refused, "Celery takes it")]
    else:
        rules = [
            *_end(living, seen, facts),
            *_order(living, seen, facts),
            *_over(living, seen, facts),
            *_waits(living, seen, facts),
            *_record(living),
        ]
    return [
        Finding(rule, living.life, shown, truth or _truth(living), story(living, seen))
        for rule, shown, truth in rules
    ]


def _truth(living):
    if living.truth is None or living.truth.states is None:
        return f"undecided; Celery's record: {living.status}"
    return f"{' or '.join(sorted(living.truth.states))} ({living.truth.why})"


def _end(living, seen, facts):
    views = {"watcher": seen.newest, "late watcher": seen.late, "JSON": seen.state}
    if living.truth is None or living.truth.states is None:
        yield "undecided", str(seen.newest and seen.newest["state"]), ""
        return
    if "status" in (seen.state or {}):
        yield "JSON refused", f"HTTP {seen.state['status']}", ""
        return
    if living.first and living.first[1].states <= READY:  # it ended the subscription
        views.pop("watcher")
        yield from _first(living, seen, facts)
    elif _ended_before(living, seen, facts):
        views.pop("watcher")
    states = {name: view and view["state"] for name, view in views.items()}
    wrong = {name for name, shown in states.items() if not _is_right(living, name, shown, facts)}
    if wrong and died_with_its_words(living, facts):
        return
    if wrong:
        rule = "wrong end of an id used again" if living.first else "wrong end"
        shown = " and ".join(sorted({str(states[name]) for name in wrong}))
        yield rule, shown + ("" if len(wrong) == len(states) else f" ({', '.join(wrong)})"), ""
        return
    if facts.weather == "short retention" or facts.emptied:
        return  # Celery's record, which is left, knows no counts
    if not (_never_stored(living, facts) or lost_words(living, facts)):
        yield from _alike(living, views, facts)
        yield from _words(living, views, facts)


def _first(living, seen, facts):
    """What the watcher was told of the id's first life, or of both where nothing was stored."""
    newest, (_, right) = seen.newest, living.first
    last = living.life.script[-1]
    # The piece that ends a replaced task does so after its note; the id's next life may be quicker.
    silent = last.end == "replace"
    known = facts.weather in UNTOUCHED and not silent
    states = right.states if known else right.states | living.truth.states
    if (
        newest is not None
        and newest["state"] in READY
        and copied(living.life, living.first[0], facts)
    ):
        at = seen.arrival(newest)
        if justified(living, newest["state"], at, facts):
            return  # and a copy of its message began after that
    if newest is None or newest["state"] not in states:
        yield (
            "wrong end of an id's first life",
            str(newest and newest["state"]),
            f"{' or '.join(sorted(right.states))} ({right.why})",
        )


def _ended_before(living, seen, facts):
    """Whether the watcher rightly saw an end, after which the task went on, or ended otherwise."""
    newest = seen.newest
    if newest is None or newest["state"] not in READY:
        return False
    at = seen.arrival(newest)
    went_on = [note for note in living.notes if note["what"] in AT_WORK and note["at"] > at - SLACK]
    ended_again = any(when > at and status in READY for when, status in living.statuses)
    stands = seen.state or {}
    newer = stands.get("attempt", 0) > newest["attempt"] or (
        copied(living.life, living.notes, facts) and stands.get("run", 0) > newest["run"]
    )
    return bool(went_on or ended_again or newer) and justified(living, newest["state"], at, facts)


def _is_right(living, name, shown, facts):
    if shown in living.truth.states:
        return True
    if facts.weather == "short retention" and shown == "UNKNOWN":
        return name != "watcher" or bool(living.truth.states & OPEN)
    recorded = "REVOKED" if living.status == "ABORTED" else living.status
    if facts.weather not in UNTOUCHED and shown == recorded and shown in READY:
        return True  # read from Celery's record, when nothing else was known
    return _forgotten(living, shown, facts) or _of_first_life(living, shown, facts)


def _of_first_life(living, shown, facts):
    """Whether Celery's record has the end of the id's first life, and nobody can tell whose."""
    ends = {note["how"] for note in living.notes if note["what"] == "ended"}
    if not living.first or shown not in READY or not ASKED & ends:
        return False
    published = min(note["at"] for note in living.notes if note["what"] == "published")
    recorded = [when for when, status in living.statuses if status == shown]
    ahead = AHEAD if facts.weather == "clock ahead" else 0
    return any(0 < published - when < SKEW + ahead for when in recorded)


def _never_stored(living, facts):
    """Whether the task was sent and recorded as over while the store took no events."""
    published = min((n["at"] for n in living.notes if n["what"] == "published"), default=0)
    over = [when for when, status in living.statuses if status in READY]
    away = [] if facts.weather in UNTOUCHED else facts.raged
    return any(start < published and when < end for start, end in away for when in over)


def _forgotten(living, shown, facts):
    """Whether the store lost what it knew, and nothing was reported after that."""
    last = max((n["at"] for n in living.notes if n["what"] != "outside"), default=0)
    for taken, back in facts.emptied:
        if last > back + SLACK:
            continue
        if shown == "UNKNOWN":
            return living.status not in READY
        # What it knew some moments ago: Celery has a record, unless the result is ignored. For a
        # task that waits and never ran, the record is read every 35 s.
        began = any(note["what"] == "began" for note in living.notes)
        unread = living.status not in READY or living.life.ignored or not began
        if taken and shown in OPEN and unread:
            return True
    return False


def _alike(living, views, facts):
    keys = ALIKE + STORED if facts.weather in UNTOUCHED else ALIKE
    shown = [(name, view) for name, view in views.items() if view["state"] != "UNKNOWN"]
    for name, view in shown[:-1]:
        differs = [key for key in keys if view[key] != shown[-1][1][key]]
        if differs:
            yield "views differ", f"{name} and {shown[-1][0]} in {' '.join(differs)}", ""


def _words(living, views, facts):
    last = views["JSON"]
    if last["state"] == "FAILURE" and not last["error"]:
        yield "no words", "FAILURE without an error", ""
    if "password" in str(last):
        yield "leak", "an exception's text", ""
    if last["state"] == "SUCCESS" and last["total"] is not None and last["percent"] != 100:
        yield "percent of SUCCESS", str(last["percent"]), ""
    yield from _counts(living, last, facts)


def _counts(living, last, facts):
    """What the last execution reported itself, and which attempt that was."""
    began = [note for note in living.notes if note["what"] == "began"]
    ends = [note for note in living.notes if note["what"] == "ended"]
    if not ends or copied(living.life, living.notes, facts) or living.life.kind != "task":
        return
    if died_with_its_words(living, facts):
        return
    note = max(ends, key=lambda each: each["nth"])
    if note["nth"] != max(each["nth"] for each in began) or note["how"] not in STATE_OF:
        return
    if last["state"] != STATE_OF[note["how"]]:
        return
    retries = next(each["retries"] for each in began if each["nth"] == note["nth"])
    if last["attempt"] != retries + 1:
        yield "attempt", f"attempt {last['attempt']} of {retries + 1}", ""
    if last["current"] not in note["said"]:
        yield "counts", f"{last['current']:g} of {note['said']}", ""


def _order(living, seen, facts):
    """What holds of the events that came, whatever the task did."""
    newest, lost = None, lost_words(living, facts)
    for _, event in seen.frames:
        if newest is not None:
            yield from _follows(newest, event, lost=lost)
        share = event["percent"]
        if share is not None and share >= 100 and not event["complete"]:
            yield "percent before the end", f"{share} in {event['state']}", ""
        if newest is None or event["version"] > newest["version"]:
            newest = event


def _follows(newest, event, *, lost):
    step = f"{newest['state']} to {event['state']}"
    if event["version"] < newest["version"]:
        yield "versions", step, ""
        return
    if 0 < event["published"] < newest["published"]:
        yield "published falls", step, ""
    if lost:
        return
    same_life = event["published"] == newest["published"]
    if same_life and event["attempt"] < newest["attempt"] and event["state"] != "SUCCESS":
        yield "attempt falls", step, ""
    same = event["run"] == newest["run"] and event["attempt"] == newest["attempt"]
    fell = (event["percent"] or 0) < (newest["percent"] or 0)
    if same and fell and event["run"] and event["state"] != "PENDING":
        yield "percent falls", step, ""


def _over(living, seen, facts):
    """Nothing is called over that goes on; a task that began is known."""
    if living.life.kind == "eager":
        return
    notes = living.first[0] if living.first else living.notes
    began = [note["at"] for note in notes if note["what"] == "began"]
    for at, event in seen.frames:
        after = [note for note in notes if note["what"] in AT_WORK and note["at"] > at + SLACK]
        if event["complete"] and after and not justified(living, event["state"], at, facts):
            late = f"{after[0]['what']} {after[0]['at'] - at:.1f} s later"
            yield "called over and goes on", f"{event['state']}, then {late}", ""
            break
    for at, event in seen.frames:
        known = began and at > began[0] + 2 and not facts.emptied
        if event["state"] == "UNKNOWN" and known and facts.weather != "short retention":
            yield "unknown", "UNKNOWN after it began", ""
            break


def _waits(living, seen, facts):
    """A task that was shown at work does not wait again, unless it went back to the queue."""
    if copied(living.life, living.notes, facts) or living.first or facts.emptied:
        return
    if lost_words(living, facts):
        return
    back = any(
        note["what"] == "aborted" or (note["what"] == "ended" and note["how"] in BACK)
        for note in living.notes
    )
    at_work = False
    for _, event in seen.frames:
        if event["state"] == "PENDING" and at_work and not back:
            yield "waits again", "PENDING after it was at work", ""
            break
        at_work = at_work or event["state"] not in {"PENDING", "UNKNOWN"}


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
