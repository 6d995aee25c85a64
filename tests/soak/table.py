"""The table of the soak: each count, its limit and the verdict."""

from statistics import linear_regression, median
from typing import NamedTuple

TENTH = 1.1
#: A count may exceed its baseline by a tenth or by this number, whichever is more. A pool of Redis
#: connections keeps as many as were ever in use at once, which is chance: two for each web server.
#: A thread is started only when the others are busy. A read of the store, which is a task, may be
#: under way.
ALLOWANCE = {"clients": 4, "files": 2, "threads": 1, "tasks": 1}
BLOCKS = 5000  # blocks of memory that a web server may gain, and those it may gain for each task
BLOCKS_A_TASK = 0.5
CUT = 1 / 1000  # of all watchers with an outcome; 1 / 20,000 was measured on a busy machine
MEMORY_FROM = 10  # minutes; in shorter runs the memory of a process says nothing


class Row(NamedTuple):
    """One line. Without a limit nothing is demanded, and ``why`` has the reason."""

    measure: str
    baseline: float
    peak: float
    end: float
    limit: float | None
    why: str = ""

    @property
    def holds(self):
        return self.limit is None or self.end <= self.limit

    def line(self):
        limit = "" if self.limit is None else f"{self.limit:10.1f}"
        verdict = self.why or ("ok" if self.holds else "TOO MUCH")
        numbers = f"{self.baseline:10.1f} {self.peak:10.1f} {self.end:10.1f} {limit:>10}"
        return f"{self.measure:32} {numbers}  {verdict}"


HEAD = f"{'measure':32} {'baseline':>10} {'peak':>10} {'end':>10} {'limit':>10}  verdict"


def counted(baseline, samples, end, tasks):
    """A row for each count that must return to its baseline."""
    return [
        Row(name, was, max([was, *(each[name] for _, each in samples)]), end[name], limit)
        for name, was in baseline.items()
        if not name.endswith("memory MB")
        for limit in [most(name, was, tasks)]
    ]


def most(name, was, tasks):
    """The limit of the count at the end."""
    if name.endswith("blocks"):
        return was + BLOCKS + BLOCKS_A_TASK * tasks
    return max(was * TENTH, was + ALLOWANCE.get(name.split(": ")[1], 0))


def memory(samples, minutes):
    """Compare the median of the first fifth of the run with that of the last.

    Not by the slope: what a heap takes while it warms up, over half an hour, is several MB for
    each hour of it, without a leak. It is printed.
    """
    rows = []
    for name in samples[0][1]:
        if name.endswith("memory MB"):
            sizes = [(seconds, each[name]) for seconds, each in samples]
            first, last = fifths(sizes)
            why = f"ok by {slope(sizes):+.1f} MB/h" if last <= first * TENTH else ""
            if minutes < MEMORY_FROM:
                why = f"skipped: says nothing below {MEMORY_FROM} minutes"
            limit = None if minutes < MEMORY_FROM else first * TENTH
            rows.append(Row(name, first, max(size for _, size in sizes), last, limit, why))
    return rows


def cut(sockets, outcomes):
    """Sockets that Daphne cut while closing: not our fault, but few."""
    return Row("closes that Daphne cut", 0, sockets, sockets, max(1, CUT * outcomes))


def slope(sizes):
    """The slope in MB an hour of a line through the medians of each minute."""
    minutes = {}
    for seconds, size in sizes:
        minutes.setdefault(int(seconds // 60), []).append(size)
    medians = [median(each) for each in minutes.values()]
    return 60 * linear_regression(list(minutes), medians).slope if len(minutes) > 1 else 0.0


def fifths(sizes):
    """The medians of the first and of the last fifth."""
    sizes = [size for _, size in sizes]
    some = max(1, len(sizes) // 5)
    return median(sizes[:some]), median(sizes[-some:])


def grown(before, after):
    """What a web server has more of at the end, by name, the largest number first."""
    found = []
    for what in ("tasks_by_name", "objects_by_type"):
        was = before[what]
        found += [(count - was.get(name, 0), name) for name, count in after[what].items()]
    return [f"{more:+d} {name}" for more, name in sorted(found, reverse=True)[:8] if more > 0]
