"""Writing the table of contacts to a compressed CSV file."""

import csv
import gzip
from pathlib import Path

from progress import track
from project.contacts import COLUMNS
from project.models import Contact


def export_table(path: Path) -> dict:
    """Write every contact to ``path``; it has that name only once it is whole."""
    contacts = Contact.objects.order_by("id").values_list(*COLUMNS)
    rows = track(
        contacts.iterator(chunk_size=500), total=contacts.count(), description="Exporting contacts"
    )
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(part, "wt", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        count = sum(1 for _ in map(writer.writerow, rows))
    part.rename(path)
    return {"rows": count, "bytes": path.stat().st_size}
