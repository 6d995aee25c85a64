"""The table of results, as docs/conformance.md shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from .deviations import DEVIATIONS, deviation
from .run import Result, Verdict

DOCUMENT = Path(__file__).parent.parent / "docs/conformance.md"
MARK = "<!-- below this line: written by make conformance -->\n"

Results = Mapping[str, list[Result]]


def write(servers: Sequence[str], embeddings: Sequence[str], results: Results) -> None:
    """Put the tables below the words of the document."""
    words = DOCUMENT.read_text().partition(MARK)[0]
    tables = [
        "## Servers\n\nThe site of the README, by each server.\n",
        *table(servers, results),
        "\n## Embeddings\n\n`progress.asgi` in each host, by uvicorn.\n",
        *table(embeddings, results),
        "\n## Why not\n",
        *reasons(results),
    ]
    DOCUMENT.write_text(words + MARK + "\n" + "\n".join(tables) + "\n")


def table(columns: Sequence[str], results: Results) -> list[str]:
    """A row a promise, and a line a group of them."""
    rows = [f"| | {' | '.join(columns)} |", f"|---|{':-:|' * len(columns)}"]
    checks = [each.check for each in results[columns[0]]]
    by_name = {name: {each.check: each for each in column} for name, column in results.items()}
    for group, members in groupby(checks, key=lambda each: each.group):
        rows.append(f"| **{group}** |{' |' * len(columns)}")
        for check in members:
            cells = [cell(name, by_name[name][check]) for name in columns]
            rows.append(f"| {check.name} | {' | '.join(cells)} |")
    return rows


def cell(column: str, result: Result) -> str:
    """``ok``, ``FAIL``, or a dash with the number of the reason."""
    known = deviation(column, result.check.name)
    if known is not None and result.verdict is not Verdict.OK:
        return f"– [{DEVIATIONS.index(known) + 1}]"
    return str(result.verdict)


def reasons(results: Results) -> list[str]:
    """The reasons that the tables name."""
    shown = [each for each in DEVIATIONS if set(each.columns) & results.keys()]
    return [f"{DEVIATIONS.index(each) + 1}. {each.reason}" for each in shown] or ["Nothing."]
