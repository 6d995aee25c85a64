"""Results of benchmarks: tables, and targets that are met or missed."""

import statistics
from dataclasses import dataclass, field


@dataclass
class Target:
    """A figure and its limit: the most it may be, or with ``least`` the least."""

    name: str
    value: float
    limit: float
    least: bool = False

    @property
    def met(self):
        """Whether the figure keeps its limit."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    def __str__(self):
        verdict = "met   " if self.met else "MISSED"
        bound = "at least" if self.least else "at most"
        return f"{verdict} {self.name}: {self.value:,.4g} ({bound} {self.limit:,.4g})"


@dataclass
class Table:
    """One table. A row has a value for each column; ``note`` says how they were taken."""

    number: int
    title: str
    columns: list[str]
    note: str = ""
    rows: list[list] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def __str__(self):
        lines = [self.columns, *([shown(each) for each in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        return "\n".join(filter(None, [f"## {self.number}. {self.title}", text, self.note]))


def shown(value):
    """A figure with three significant digits."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def medians(rounds):
    """The median of each figure over several interleaved rounds."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def ratios(rounds, floor="floor"):
    """The median of each figure's ratio to the floor of its own round.

    Other work on the machine comes and goes, and disturbs all figures of a round alike.
    """
    return medians([{name: each[name] / each[floor] for name in each} for each in rounds])
