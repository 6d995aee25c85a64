"""Bringing a CSV file of contacts into the table."""

from dataclasses import dataclass, field
from pathlib import Path

from progress import track
from project.contacts import RowChecker, count_rows, read_rows
from project.models import Contact

BATCH = 500  # rows a write
TOLD = 20  # refused rows whose reasons are told: an event must stay below 8 KiB


@dataclass(slots=True)
class Outcome:
    """What became of the rows of one file."""

    imported: int = 0
    refused: int = 0
    refusals: list[dict] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        self.refused += 1
        if len(self.refusals) < TOLD:
            self.refusals.append({"line": line, "reason": reason})

    def told(self) -> dict:
        return {
            "rows": self.imported + self.refused,
            "imported": self.imported,
            "refused": self.refused,
            "refusals": self.refusals,
        }


def import_file(path: Path) -> dict:
    """Read, check and save row by row; a bad row is counted and does not stop the others."""
    outcome, checker, batch = Outcome(), RowChecker(), []
    rows = track(read_rows(path), total=count_rows(path), description="Importing contacts")
    for line, cells in rows:
        values, reason = checker.check(line, cells)
        if values is None:
            outcome.refuse(line, reason)
            continue
        batch.append(Contact(**values))
        if len(batch) == BATCH:
            outcome.imported += save(batch)
            batch.clear()
    outcome.imported += save(batch)
    return outcome.told()


def save(contacts: list[Contact]) -> int:
    """Write the contacts; one whose address is in the table already replaces it there.

    So a file that is imported again, or a task that runs twice, gives the same table.
    """
    Contact.objects.bulk_create(
        contacts,
        update_conflicts=True,
        unique_fields=["email"],
        update_fields=["name", "city", "joined"],
    )
    return len(contacts)
