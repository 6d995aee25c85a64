"""The sample: 50,000 contacts, always the same, with a dozen bad rows at known lines."""

# ruff: noqa: SIM905 - names are read more easily as text than as lists

import csv
import os
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from project.contacts import COLUMNS

ROWS = 50_000
GIVEN = (
    "Ada Björn Chiara Dmitri Élise Farid Grace Hiro Ines Jonas "
    "Katherine Luis Mei Noor Olga Priya Ravi Sofía Tariq Zoë"
).split()
FAMILY = (
    "Andersson Baker Costa Dubois Eriksen Fischer García Hopper Ivanova Johnson Kowalski Lovelace "
    "Moreau Nakamura O'Brien Patel Rossi Silva Turing Weber Yıldız Zhang Ødegaard"  # noqa: RUF001 - it is spelt so
).split()
CITIES = (
    "Amsterdam|Bengaluru|Cairo|Dublin|Esbjerg|Florence|Győr|Hanoi|Istanbul|Kraków|Lima|München|"
    "Nairobi|Osaka|Porto|São Paulo|Washington, DC"
).split("|")

#: Line of the file (the header is line 1) to the cells that stand there.
BAD_ROWS: dict[int, list[str]] = {
    18: ["Ada Baker", "ada.baker-at-example.org", "Lima", "2019-03-07"],
    402: ["", "nobody@example.org", "Porto", "2020-10-01"],
    1_337: ["Hiro Nakamura", "hiro.nakamura@example.org", "Osaka", "2023-02-30"],
    2_500: ["Grace Hopper", "grace.hopper@example.org", "Dublin"],
    9_001: ["Luis Silva", "", "Lima", "2018-06-15"],
    12_345: ["Mei Zhang", "mei.zhang@example.org", "Hanoi", "15/06/2018"],
    18_000: ["Noor Patel", "noor.patel@example.org", "Cairo", "2021-01-01", "VIP"],
    23_456: ["Olga Ivanova", "olga@ivanova@example.org", "Kraków", "2017-09-09"],
    31_415: ["Zoë Weber", "contact2@example.org", "München", "2022-12-24"],
    37_000: ["Tariq Costa", "tariq.costa@example.org", "", "2016-04-04"],
    42_000: ["Ravi Rossi", "ravi.rossi@example.org", "Florence", "2999-01-01"],
    49_999: ["Ines Dubois", "ines.dubois@example.org", "Nairobi", "soon"],
}


def rows() -> Iterator[list[str]]:
    """The data rows, each a list of cells."""
    for number in range(1, ROWS + 1):
        yield BAD_ROWS.get(number + 1) or _good_row(number)


def write_once(path: Path) -> Path:
    """Write the sample to ``path`` if it is not there yet, and return ``path``."""
    if not path.exists():
        # Under another name first, so that nobody reads half a file.
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".part", newline="", encoding="utf-8", delete=False
        ) as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows())
        os.replace(file.name, path)
    return path


def _good_row(number: int) -> list[str]:
    # Steps without a common divisor with the lengths walk through all combinations.
    name = f"{GIVEN[number * 7 % len(GIVEN)]} {FAMILY[number * 5 % len(FAMILY)]}"
    joined = date(2015, 1, 1) + timedelta(days=number * 11 % 3653)
    email = f"contact{number}@example.org"
    return [name, email, CITIES[number * 3 % len(CITIES)], joined.isoformat()]
