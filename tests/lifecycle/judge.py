"""What is wrong with what was shown of a life, beside Celery's truth."""

from dataclasses import dataclass, field

from tests.lifecycle.lives import Life
from tests.lifecycle.truth import READY

SLACK = 0.35  # seconds between what happens and its note, on a busy machine
EMPTIED = {"store away", "store set back"}
ALIKE = ("state", "attempt", "current", "total", "description", "error", "stalled")


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


def findings(living, *, frames, newest, late, state, weather):
    """All that is wrong."""
    if living.refused:
        return []
    found = [
        *_end(living, frames, newest, late, state, weather),
        *_order(frames),
        *_between(living, frames, weather),
    ]
    return [
        Finding(rule, living.life, shown, truth or _truth(living), _story(living, frames))
        for rule, shown, truth in found
    ]


def _truth(living):
    if living.truth is None or living.truth.states is None:
        return f"undecided; Celery's record: {living.status}"
    return f"{' or '.join(sorted(living.truth.states))} ({living.truth.why})"


def _end(living, frames, newest, late, state, weather):
    views = {"watcher": newest, "late watcher": late, "JSON": state}
    if living.truth is None or living.truth.states is None:
        yield "undecided", str(newest and newest["state"]), ""
        return
    if "status" in (state or {}):
        yield "JSON refused", f"HTTP {state['status']}", ""
        return
    if living.life.again:
        views.pop("watcher")  # it was told an outcome, which ended its subscription
    states = {name: view and view["state"] for name, view in views.items()}
    if newest and _was_over(living, newest["state"], _arrival(newest, frames)):
        states.pop("watcher", None)  # Celery called it over too, and brought it back later
    right = set(living.truth.states)
    if weather in EMPTIED and living.status not in READY:
        right.add("UNKNOWN")  # the store forgot, and Celery has no record of an end
    wrong = {name: shown for name, shown in states.items() if shown not in right}
    if wrong:
        rule = "wrong end of an id used again" if living.second else "wrong end"
        yield (
            rule,
            " and ".join(sorted({f"{shown}" for shown in wrong.values()}))
            + ("" if len(wrong) == len(states) else f" ({', '.join(wrong)})"),
            "",
        )
        return
    last = state
    for name, view in views.items():
        if name not in states:
            continue
        differs = [key for key in ALIKE if view[key] != last[key]]
        if differs:
            yield "views differ", f"{name} and JSON in {', '.join(differs)}", ""
    if last["state"] == "FAILURE" and not last["error"]:
        yield "no words", "FAILURE without an error", ""
    if "password" in str(last):
        yield "leak", "an exception's text", ""


def _order(frames):
    """What holds of the events that came, whatever the task did."""
    newest = None
    for _, event in frames:
        if newest is not None:
            if event["version"] < newest["version"]:
                yield "versions", f"{newest['state']} then an older {event['state']}", ""
            same = event["run"] == newest["run"] and event["attempt"] == newest["attempt"]
            fell = (event["percent"] or 0) < (newest["percent"] or 0)
            if same and fell and event["run"] and event["description"] == newest["description"]:
                yield "percent falls", f"{newest['state']} to {event['state']}", ""
        if newest is None or event["version"] > newest["version"]:
            newest = event


def _between(living, frames, weather):
    began = [note["at"] for note in living.notes if note["what"] == "began"]
    goes_on = [note for note in living.notes if note["what"] in {"began", "ended", "piece began",
                                                                "piece ended"}]  # fmt: skip
    if living.second or living.life.kind == "eager":
        return
    for at, event in frames:
        after = [note for note in goes_on if note["at"] > at + SLACK]
        if event["complete"] and after and not _contradicts(living, event, at):
            yield (
                "called over and goes on",
                f"{event['state']}, then {after[0]['what']} {after[0]['at'] - at:.1f} s later",
                "",
            )
            break
    for at, event in frames:
        if event["state"] == "UNKNOWN" and began and at > began[0] + 2 and weather not in EMPTIED:
            yield "unknown", "UNKNOWN after it began", ""
            break
    asked = [note["at"] for note in living.notes if note["what"] == "outside"
             and note["did"] == "abort"]  # fmt: skip
    saw = any(note["what"] == "aborted" for note in living.notes)
    ends = [note for note in living.notes if note["what"] == "ended" and note["how"] == "abortable"]
    if (
        asked
        and ends
        and not saw
        and began
        and asked[0] > began[0]
        and ends[-1]["at"] > asked[0] + 1
    ):
        yield "abort is lost", "the task never sees ABORTED", ""
    written = [status for _, status in living.statuses]
    for before, after in zip(written, written[1:], strict=False):
        if before in READY and after == "PROGRESS" and len(began) < 2:
            yield "record overwritten", f"{before} by PROGRESS in Celery's record", ""


def _arrival(event, frames):
    return next(at for at, each in frames if each["version"] == event["version"])


def _was_over(living, state, at):
    """Whether Celery's record said so then, and nothing was at work: a copy came back later."""
    recorded = any(status == state and when < at + 0.5 for when, status in living.statuses)
    recorded = recorded or any(
        state == "FAILURE" and note.get("hook") == "on_failure" and note["at"] < at
        for note in living.notes
    )
    began = {note["nth"]: note["at"] for note in living.notes if note["what"] == "began"}
    at_work = any(
        began.get(note["nth"], at) < at and note["at"] > at + SLACK
        for note in living.notes
        if note["what"] in {"ended", "aborted"}
    )
    return state in READY and recorded and not at_work


def _contradicts(living, event, at):
    """Whether Celery itself calls over what goes on."""
    if event["state"] == "SUCCESS" or _was_over(living, event["state"], at):
        return True  # SUCCESS of one of two runs
    if living.life.base == "raising hooks":
        return any(status == event["state"] and when < at + 0.5 for when, status in living.statuses)
    return False


def _story(living, frames):
    """What happened and what was shown, in the order of time."""
    lines = [(note["at"], "task   " + _words(note)) for note in living.notes]
    lines += [(at, f"celery {status}") for at, status in living.statuses]
    for at, event in frames:
        shown = f"shown  {event['state']} run {event['run'] % 10**8} attempt {event['attempt']}"
        lines.append((at, f"{shown} {event['current']:g}/{event['total']} {event['error'] or ''}"))
    lines.sort()
    start = lines[0][0] if lines else 0
    return [f"{at - start:7.3f} {line}" for at, line in lines]


def _words(note):
    more = [str(note[key]) for key in ("how", "hook", "piece", "did", "retries") if key in note]
    return f"{note['what']} {note['nth'] or ''} {' '.join(more)}"
