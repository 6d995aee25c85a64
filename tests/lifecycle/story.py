"""Tells a life as a story: its notes, Celery's record and what was shown, in order of time."""


def story(living, seen):
    """What happened and what was shown, in the order of time."""
    notes = [*(living.first[0] if living.first else []), *living.notes]
    lines = [(note["at"], "task   " + _note(note)) for note in notes]
    lines += [(at, f"celery {status}") for at, status in living.statuses]
    lines += [(at, f"shown  {_shown(event)}") for at, event in seen.frames]
    lines.sort()
    start = lines[0][0] if lines else 0
    ends = [f"in the end {name}: {_shown(view)}" for name, view in
            (("late", seen.late), ("JSON", seen.state)) if view and "state" in view]  # fmt: skip
    return [*(f"{at - start:7.3f} {line}" for at, line in lines), *ends]


def _shown(event):
    run = f"{event['state']} run {event['run'] % 10**8} attempt {event['attempt']}"
    return f"{run} {event['current']:g}/{event['total']} {event['error'] or ''}"


def _note(note):
    more = [str(note[key]) for key in ("how", "hook", "piece", "did", "retries") if key in note]
    return f"{note['what']} {note['nth'] or ''} {' '.join(more)}"
