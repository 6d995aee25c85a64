"""What is wrong with what was shown of a life, beside Celery's truth."""

from dataclasses import dataclass, field

from progress.store.result_backend import SKEW
from tests.lifecycle.between import AT_WORK, between
from tests.lifecycle.case import OPEN, READY, STATE_OF, copied
from tests.lifecycle.ends import (
    SLACK,
    UNTOUCHED,
    away,
    died_with_its_words,
    first_died_with_its_words,
    justified,
    own_ends,
)
from tests.lifecycle.lives import Life
from tests.lifecycle.stack import AHEAD
from tests.lifecycle.story import story
from tests.lifecycle.weather import LASTS

ALIKE = ("state", "attempt", "current", "total", "description", "error", "result", "stalled")
#: Alike too where the store was there all the time, so that it alone gave the versions.
STORED = ("version", "run", "published", "worker", "percent")


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
        rules = [*_end(living, seen, facts), *between(living, seen, facts)]
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
    if any(_of_first_life(living, shown, facts) for shown in states.values()):
        return  # it is asked for while the views are taken
    if not (_never_stored(living, facts) or died_with_its_words(living, facts)):
        yield from _alike(living, views, facts)
        yield from _words(living, views, facts)


def _first(living, seen, facts):
    """What the watcher was told of the id's first life, or of both where nothing was stored."""
    newest, (_, right) = seen.newest, living.first
    if first_died_with_its_words(living, facts):
        return
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
    if (newest is None or newest["state"] not in states) and not died_with_its_words(living, facts):
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
    newer = any(stands.get(key, 0) > newest[key] for key in ("attempt", "published")) or (
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
    return (
        _forgotten(living, shown, facts)
        or _of_first_life(living, shown, facts)
        or _left(living, shown, facts)
    )


def _of_first_life(living, shown, facts):
    """Whether the hub took the end of the id's first life, 5 s before at most, for the second's.

    It asks for the record of a task that waits, or that ended without a word, while it is watched:
    all the time if the first life did not end, else only in the end.
    """
    if not living.first or shown not in READY:
        return False
    ends = [state for _, state in own_ends(living, living.notes)]
    if None not in (ends[-1:] if living.first[1].states <= READY else ends):
        return False
    published = min(note["at"] for note in living.notes if note["what"] == "published")
    recorded = [when for when, status in living.statuses if status == shown]
    ahead = AHEAD if facts.weather == "clock ahead" else 0
    return any(0 < published - when < SKEW + ahead for when in recorded)


def _left(living, shown, facts):
    """Whether the store lost the last end, and has only that of another execution."""
    if not copied(living.life, living.notes, facts):
        return False
    ends = [note["at"] for note, state in own_ends(living, living.notes) if state == shown]
    return any(
        at < taken + SLACK or at > back - LASTS - SLACK
        for at in ends
        for taken, back in facts.emptied
    )


def _never_stored(living, facts):
    """Whether the task was sent and recorded as over while the store took no events."""
    published = min((n["at"] for n in living.notes if n["what"] == "published"), default=0)
    over = [when for when, status in living.statuses if status in READY]
    return any(start < published and when < end for start, end in away(facts) for when in over)


def _forgotten(living, shown, facts):
    """Whether the store lost what it knew, and nothing was reported after that."""
    last = max((n["at"] for n in living.notes if n["what"] != "outside"), default=0)
    for taken, back in facts.emptied:
        if last > back + SLACK:
            continue
        if shown == "UNKNOWN":
            return living.status not in READY
        if taken and living.first and shown in living.first[1].states:
            return True  # of the id's first life
        # What it knew some moments ago: Celery has a record, unless the result is ignored. For a
        # task that waits and never ran, by what the store has, the record is read every 35 s.
        began = any(note["what"] == "began" and note["at"] < taken for note in living.notes)
        unread = living.status not in READY or living.life.ignored or not began
        # After it came back empty, the sender may have stored its PENDING once more.
        if (taken or shown == "PENDING") and shown in OPEN and unread:
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
    note = max(ends, key=lambda each: each["nth"])
    if note["nth"] != max(each["nth"] for each in began) or note["how"] not in STATE_OF:
        return
    if last["state"] != STATE_OF[note["how"]]:
        return
    retries = next(each["retries"] for each in began if each["nth"] == note["nth"])
    hooked = living.life.base == "raising hooks" and any(
        note.get("hook") == "on_retry" for note in living.notes
    )
    if hooked and last["attempt"] <= retries:
        return  # that attempt ended by the outcome of the next one in Celery's record
    if last["attempt"] != retries + 1:
        yield "attempt", f"attempt {last['attempt']} of {retries + 1}", ""
    if last["current"] not in note["said"]:
        yield "counts", f"{last['current']:g} of {note['said']}", ""
