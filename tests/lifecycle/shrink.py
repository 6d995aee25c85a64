"""Makes failing lives smaller: drops options for as long as the same is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from typing import Any
from uuid import uuid4

from tests.lifecycle.judge import Finding
from tests.lifecycle.lives import Attempt, Life, Outside

COPIES = 3  # of each smaller life, since some fail now and then only
ROUNDS = 5
#: What the options below do not change: who it is, where it lives, and what happens in it.
ESSENTIAL = {"task_id", "start", "weather", "celery", "script", "again", "outside", "kind"}
PLAIN = 36  # characters of a UUID

Edit = Callable[[Life], Life]
Live = Callable[[list[Life]], list[Finding]]


def shrink(found: list[Finding], live: Live, *, rounds: int = ROUNDS) -> list[Finding]:
    """The findings with the smallest lives that still show the same; ``live`` lives a batch.

    All are shrunk side by side. A round tries each edit alone, all that alone kept the fault in
    the last round together, and halves of these; the smallest life that fails goes on.
    """
    shrinking = [_Shrinking(each) for each in found]
    for _ in range(rounds):
        tried: dict[str, tuple[_Shrinking, tuple[Edit, ...]]] = {}
        lives: list[Life] = []
        for each in shrinking:
            for life, edits in each.candidates():
                tried[life.task_id] = each, edits
                lives.append(life)
        if not tried:
            break
        for finding in live(lives):
            each, edits = tried[finding.life.task_id]
            each.take(finding, edits)
        for each in shrinking:
            each.choose()
    return [each.finding for each in shrinking]


class _Shrinking:
    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        self._failed: list[tuple[Finding, tuple[Edit, ...]]] = []
        self._kept: list[Edit] = []  # edits that alone kept the fault in the last round
        self._done = False

    def candidates(self) -> Iterator[tuple[Life, tuple[Edit, ...]]]:
        """Smaller lives to try, some of each, and what makes them so."""
        self._failed = []
        if self._done:
            return
        life = self.finding.life
        seen = {life}
        for edits in self._sets(life):
            smaller = life
            for edit in edits:
                smaller = edit(smaller)
            if smaller not in seen and _size(smaller) < _size(life):
                seen.add(smaller)
                for _ in range(COPIES):
                    yield _copy(smaller), edits

    def _sets(self, life: Life) -> Iterator[tuple[Edit, ...]]:
        edits, kept = tuple(_edits(life)), tuple(self._kept)
        yield kept or edits
        yield kept[::2]
        yield kept[1::2]
        yield from ((edit,) for edit in edits)

    def take(self, finding: Finding, edits: tuple[Edit, ...]) -> None:
        """A life of ours fails; it counts where it is for the same reason."""
        if finding.kind == self.finding.kind:
            self._failed.append((finding, edits))

    def choose(self) -> None:
        """Go on with the smallest life that failed; stop where none did."""
        if not self._failed:
            self._done = True
            return
        self._kept = list({edits[0]: None for _, edits in self._failed if len(edits) == 1})
        self.finding = min((finding for finding, _ in self._failed), key=lambda f: _size(f.life))


def _size(life: Life) -> int:
    return len(replace(life, task_id="").to_json()) + (len(life.task_id) != PLAIN)


def _copy(life: Life) -> Life:
    """With an id of its own; of an odd kind if it was."""
    new = str(uuid4())
    odd = re.sub(r"[0-9a-f]{8}", new[:8], life.task_id, count=1)
    return replace(life, task_id=new if len(life.task_id) == PLAIN else odd)


def _edits(life: Life) -> Iterator[Edit]:
    """Each takes one thing away."""
    for field in fields(Life):
        if field.name not in ESSENTIAL and getattr(life, field.name) != field.default:
            yield partial(_set, **{field.name: field.default})
    if life.weather == "fair" and life.start:
        yield partial(_set, start=0.0)
    if len(life.task_id) != PLAIN:
        yield partial(_set, task_id=str(uuid4()))
    for number in range(len(life.outside)):
        yield partial(_drop, name="outside", number=number)
    yield from _part_edits(life, "outside", Outside)
    for name in ("script", "again"):
        for number in range(len(getattr(life, name))):
            if name == "again" or len(life.script) > 1:
                yield partial(_drop, name=name, number=number)
        yield from _part_edits(life, name, Attempt)


def _part_edits(life: Life, name: str, part: Any) -> Iterator[Edit]:
    """Each sets one field of all parts back."""
    for field in fields(part):
        if field.name != "what" and any(
            getattr(each, field.name) != field.default for each in getattr(life, name)
        ):
            yield partial(_reset, name=name, field=field.name, value=field.default)


def _set(life: Life, **values: Any) -> Life:
    return replace(life, **values)


def _drop(life: Life, *, name: str, number: int) -> Life:
    kept = [each for at, each in enumerate(getattr(life, name)) if at != number]
    return replace(life, **{name: tuple(kept)}) if kept or name != "script" else life


def _reset(life: Life, *, name: str, field: str, value: Any) -> Life:
    parts = tuple(replace(each, **{field: value}) for each in getattr(life, name))
    return replace(life, **{name: parts})
