"""The formulas that are judged: ours, those of tqdm and rich in their own code, and indicatif's.

A formula takes reports as ``report(at, current, total)``, and ``left(at)`` returns the seconds that
it shows at that moment, or None. tqdm and rich run with a clock of the judge's. indicatif is a
Rust library: its formula is written here from the comments of its ``src/state.rs``, version 0.18.
"""

import io

from rich.progress import Progress
from tqdm import tqdm

from progress.reporting.pace import Pace


class Ours:
    """What a client shows: the last estimate that it got, less the seconds since."""

    def __init__(self, current, total):
        self._pace = Pace(current, 0.0)
        self._total = total

    def report(self, at, current, total):
        """Count a report, as the publisher does."""
        self._total = total
        self._pace.count(current, at)

    def left(self, at):
        """See the module."""
        return self._pace.left(self._total, at)


class Tqdm:
    """tqdm's own bar, drawn into memory."""

    def __init__(self, current, total):
        self._now = 0.0
        tqdm.monitor_interval = 0
        self._bar = tqdm(total=total, initial=current, file=io.StringIO(), ncols=80)
        self._bar._time = lambda: self._now
        self._bar.start_t = self._bar.last_print_t = 0.0

    def report(self, at, current, total):
        """Update the bar."""
        self._now, self._bar.total = at, total
        self._bar.update(current - self._bar.n)

    def left(self, at):
        """As tqdm's ``format_meter`` works it out."""
        self._now = at
        bar = self._bar.format_dict
        rate = bar["rate"]
        if rate is None and bar["elapsed"]:
            rate = (bar["n"] - bar["initial"]) / bar["elapsed"]
        return (bar["total"] - bar["n"]) / rate if rate else None


class Rich:
    """rich's own bar, never drawn."""

    def __init__(self, current, total):
        self._now = 0.0
        self._progress = Progress(get_time=lambda: self._now, auto_refresh=False)
        self._id = self._progress.add_task("", total=total, completed=current)

    def report(self, at, current, total):
        """Update the bar."""
        self._now = at
        self._progress.update(self._id, completed=current, total=total)

    def left(self, at):
        """As rich's TimeRemainingColumn shows it."""
        self._now = at
        return self._progress.tasks[0].time_remaining


class Indicatif:
    """Two exponential averages in a row that weigh what is 15 s old by a tenth, debiased."""

    def __init__(self, current, total):
        self._once = self._twice = 0.0
        self._current, self._total, self._at = current, total, 0.0

    def report(self, at, current, total):
        """Take the speed since the last report into both averages."""
        self._total = total
        if current > self._current and at > self._at:
            kept = _weight(at - self._at)
            speed = (current - self._current) / (at - self._at)
            self._once = self._once * kept + speed * (1 - kept)
            debiased = self._once / (1 - _weight(at))
            self._twice = self._twice * kept + debiased * (1 - kept)
            self._current, self._at = current, at

    def left(self, at):
        """Count the silence since the last report as a speed of zero."""
        kept, since_start = _weight(at - self._at), 1 - _weight(at)
        if not self._twice:
            return None
        once = self._once * kept / since_start
        speed = (self._twice * kept + once * (1 - kept)) / since_start
        return (self._total - self._current) / speed


def _weight(age):
    return 0.1 ** (age / 15)


FORMULAS = {"ours": Ours, "tqdm": Tqdm, "rich": Rich, "indicatif": Indicatif}
