"""Reading and checking contacts in a CSV file: plain functions that know no task."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django import forms
from django.utils import timezone

from progress import PublicError

COLUMNS = ("name", "email", "city", "joined")
QUOTED_LIMIT = 32  # characters of a refused value that its reason repeats


class RowForm(forms.Form):
    """The rules for one row."""

    name = forms.CharField(max_length=100)
    email = forms.EmailField(max_length=254)
    city = forms.CharField(max_length=100)
    joined = forms.DateField(input_formats=["%Y-%m-%d"])

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()

    def clean_joined(self):
        if self.cleaned_data["joined"] > timezone.now().date():
            raise forms.ValidationError("lies in the future")
        return self.cleaned_data["joined"]


class RowChecker:
    """Checks the rows of one file; an address may stand in it once."""

    def __init__(self) -> None:
        self._first_line: dict[str, int] = {}

    def check(self, line: int, cells: list[str]) -> tuple[dict | None, str]:
        """The row's values and no words, or nothing and the reason it is refused."""
        if len(cells) != len(COLUMNS):
            columns = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            return None, f"{columns} instead of {len(COLUMNS)}"
        form = RowForm(dict(zip(COLUMNS, cells, strict=True)))
        if not form.is_valid():
            return None, reason(form)
        first = self._first_line.setdefault(form.cleaned_data["email"], line)
        if first != line:
            return None, f"email: {shortened(cells[1])} was on line {first:,} already"
        return form.cleaned_data, ""


def reason(form: forms.Form) -> str:
    """Why a row is refused: its first bad column, in words for people."""
    column, errors = next(iter(form.errors.as_data().items()))
    value = shortened(form.data[column])
    match errors[0].code, column:
        case "required", _:
            return f"{column}: missing"
        case "max_length", _:
            return f"{column}: {value} is too long"
        case "invalid", "email":
            return f"email: {value} is not an e-mail address"
        case "invalid", "joined":
            return f"joined: {value} is not a date like 2024-05-31"
        case _:
            return f"{column}: {value} {errors[0].message}"


def shortened(value: str) -> str:
    """The value in quotation marks, cut so that twenty reasons fit into one event."""
    return f"“{value}”" if len(value) <= QUOTED_LIMIT else f"“{value[: QUOTED_LIMIT - 1]}…”"


def count_rows(path: Path) -> int:
    """How many data rows the file has; reads all of it, so a bad file is found out here."""
    total = sum(1 for _ in read_rows(path))
    if not total:
        raise PublicError("The file has a header but no rows.")
    return total


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each data row with the line it starts on; blank lines are passed over.

    Raises PublicError, in words for people, for what is no CSV file of contacts.
    """
    with _in_words(), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        _check_header(next((cells for cells in reader if any(map(str.strip, cells))), []))
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1


def _check_header(cells: list[str]) -> None:
    if not cells:
        raise PublicError("The file is empty.")
    if tuple(cell.strip().lower() for cell in cells) != COLUMNS:
        raise PublicError(f"The first line must be “{','.join(COLUMNS)}”, not {_head(cells)}.")


def _head(cells: list[str]) -> str:
    text = ",".join(cells)
    return f"“{text}”" if len(text) <= 60 else f"“{text[:59]}…”"


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        raise PublicError("The file is not UTF-8 text: save it as “CSV UTF-8”.") from None
    except csv.Error as error:
        raise PublicError(f"The file is not a CSV file: {error}.") from None
