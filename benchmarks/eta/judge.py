"""Measures how far off each formula's time left is over a trace, and how much it jumps."""

from dataclasses import dataclass
from itertools import pairwise

from benchmarks.eta.formulas import FORMULAS

STEP = 0.5  # seconds between two looks at the bars
#: What counts as equal: 2 % more than the best, and differences that nobody sees: half a percent of
#: the duration, and two hundredths of a second a second.
EQUAL = 1.02
UNSEEN = {"error": 0.5, "jitter": 0.02}


@dataclass
class Verdict:
    """One formula over one trace.

    ``error`` is the mean distance of the time left from the truth, in percent of the duration.
    ``jitter`` is the sum of |change of the time left + time passed|, in seconds a second of the
    duration. Both are taken at the looks at which each formula shows a time; a formula that shows
    none at most looks is left out. ``shown`` is the share of looks at which this one shows a time.
    """

    error: float
    jitter: float
    shown: float


def judged(trace, formulas=FORMULAS):
    """Return the verdict over each formula, by its name."""
    looks, found = _looks(trace, formulas)
    shown = {name: each for name, each in found.items() if each.count(None) < len(looks) / 2}
    common = [
        number
        for number in range(len(looks))
        if all(each[number] is not None for each in shown.values())
    ]
    return {
        name: _verdict(trace, [(looks[number], each[number]) for number in common], each)
        for name, each in shown.items()
    }


def place(verdicts, measure, name="ours"):
    """Return the place of a formula by a measure, from 1; equals share the better place."""
    own, unseen = getattr(verdicts[name], measure), UNSEEN[measure]
    return 1 + sum(
        own > getattr(each, measure) * EQUAL + unseen
        for other, each in verdicts.items()
        if other != name
    )


def _looks(trace, formulas):
    """Return the times of the looks, and what each formula shows at them."""
    first, *reports = trace.reports
    bars = {name: formula(*first[1:]) for name, formula in formulas.items()}
    looks = [STEP * number for number in range(1, int(trace.duration / STEP))]
    shown = {name: [] for name in bars}
    for at in looks:
        while reports[0][0] <= at:
            report = reports.pop(0)
            for bar in bars.values():
                bar.report(*report)
        for name, bar in bars.items():
            shown[name].append(bar.left(at))
    return looks, shown


def _verdict(trace, pairs, found):
    error = sum(abs(left - (trace.duration - at)) for at, left in pairs) / len(pairs)
    jumps = sum(
        abs((left + at) - (last_left + last)) for (last, last_left), (at, left) in pairwise(pairs)
    )
    shown = 1 - found.count(None) / len(found)
    return Verdict(error / trace.duration * 100, jumps / trace.duration, shown)
