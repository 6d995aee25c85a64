"""Table 11: how far off the time left is and how much it jumps, beside tqdm, rich and indicatif."""

from statistics import geometric_mean

from benchmarks.eta.formulas import FORMULAS
from benchmarks.eta.generate import generated
from benchmarks.eta.judge import judged, place
from benchmarks.eta.traces import read
from benchmarks.report import Table, Target

UNSEEN = "unseen"  # the seed of traces on which nothing was tuned
MEASURES = ("error", "jitter")
NOTE = (
    "error / jitter. Error: mean distance from the true time left, in percent of the duration. "
    "Jitter: sum of |change of the time left + time passed|, in seconds a second. Place: of ours, "
    "by each; within 2 % of the best, or half a percent of the duration and 0.02 s/s, is equal. "
    "Tuned: recorded traces, on which the figures of pace.py were chosen. Unseen: drawn from "
    "another seed afterwards."
)


def measured():
    """Table 11."""
    table = Table(11, "Time left", ["", *FORMULAS, "place"], NOTE)
    for name, traces in (("tuned", read()), ("unseen", generated(UNSEEN))):
        verdicts = {trace.name: judged(trace) for trace in traces}
        table.rows += [row(f"{name} {trace}", each) for trace, each in verdicts.items()]
        table.targets += [target(name, measure, verdicts) for measure in MEASURES]
        table.targets += [average(name, measure, verdicts) for measure in MEASURES]
    return table


def row(name, verdicts):
    """A trace's row."""
    cells = [shown(verdicts.get(each)) for each in FORMULAS]
    return [name, *cells, " / ".join(str(place(verdicts, measure)) for measure in MEASURES)]


def shown(verdict):
    """A formula's cell; empty if it shows no time on this trace."""
    return f"{verdict.error:.1f} / {verdict.jitter:.2f}" if verdict else ""


def target(name, measure, verdicts):
    """On each trace ours is to be first, or equal to the first."""
    firsts = sum(place(each, measure) == 1 for each in verdicts.values())
    words = f"{name} traces with the least {measure}, or equal"
    return Target(words, firsts, limit=len(verdicts), least=True)


def average(name, measure, verdicts):
    """Over all traces ours is to be near the best of each."""
    ratios = [
        ratio(getattr(each["ours"], measure), [getattr(other, measure) for other in each.values()])
        for each in verdicts.values()
    ]
    words = f"{name} traces, {measure} of ours / the least of the four, geometric mean"
    return Target(words, geometric_mean(ratios), limit=1.1)


def ratio(own, all_):
    """Ours as a multiple of the least; below a hundredth nobody sees a difference."""
    return max(own, 0.01) / max(min(all_), 0.01)
