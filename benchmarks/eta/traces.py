"""Reads and writes recorded progress: one CSV file a trace, one report of a task a line."""

import csv
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "recorded"


@dataclass
class Trace:
    """The reports of one run as (seconds since its start, current, total).

    The first report is the start of the bar, with what an earlier run did; the last is the end.
    """

    name: str
    reports: list

    @property
    def duration(self):
        """Seconds from the start to the end."""
        return self.reports[-1][0]


def write(trace):
    """Write the trace's file; a total that stays is left out."""
    with (FOLDER / f"{trace.name}.csv").open("w", newline="") as file:
        rows, last = csv.writer(file, lineterminator="\n"), None
        for at, current, total in trace.reports:
            rows.writerow([f"{at:g}", current, "" if total == last else total])
            last = total


def read():
    """Return all recorded traces, in the order of their names."""
    return [_read(path) for path in sorted(FOLDER.glob("*.csv"))]


def _read(path):
    reports, total = [], 0
    with path.open(newline="") as file:
        for at, current, its_total in csv.reader(file):
            total = int(its_total or total)
            reports.append((float(at), int(current), total))
    return Trace(path.stem, reports)
