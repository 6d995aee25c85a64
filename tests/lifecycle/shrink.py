"""Makes failing lives smaller: drops options for as long as the same is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from uuid import uuid4

from tests.lifecycle.judge import Finding
from tests.lifecycle.lives import Attempt, Life, Outside

COPIES = 3  # of each smaller life, since some fail now and then only
ROUNDS = 5
ESSENTIAL = {"task_id", "start", "weather", "script", "again", "outside", "kind"}

Edit = Callable[[Life], Life]


def shrink(
    found: list[Finding], live: Callable[[list[Life]], list[Finding]], *, rounds: int = ROUNDS
) -> list[Finding]:
    """The findings with the smallest lives that still show the same; ``live`` lives a batch.

    All are shrunk side by side. A round tries each edit by itself; the next one all together that
    kept the fault, and halves of them.
    """
    shrinking = [_Shrinking(each) for each in found]
    for _ in range(rounds):
        tried = {
            life.task_id: (each, edits) for each in shrinking for life, edits in each.candidates()
        }
        if not tried:
            break
        lives = [each.copies[task_id] for each in shrinking for task_id in each.copies]
        for finding in live(lives):
            each, edits = tried[finding.life.task_id]
            each.take(finding, edits)
        for each in shrinking:
            each.choose()
    return [each.finding for each in shrinking]


class _Shrinking:
    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        self.copies: dict[str, Life] = {}
        self._kept: list[Edit] = []  # edits that kept the fault, of the present life
        self._failed: list[tuple[Finding, tuple[Edit, ...]]] = []
        self._done = False

    def candidates(self) -> Iterator[tuple[Life, tuple[Edit, ...]]]:
        self.copies, self._failed = {}, []
        if self._done:
            return
        life = self.finding.life
        seen: set[Life] = {life}
        for edits in self._sets(life):
            smaller = life
            for edit in edits:
                smaller = edit(smaller)
            if smaller not in seen:
                seen.add(smaller)
                for _ in range(COPIES):
                    copy = _copy(smaller)
                    self.copies[copy.task_id] = copy
                    yield copy, edits
        self._done = not self.copies

    def _sets(self, life: Life) -> Iterator[tuple[Edit, ...]]:
        kept, self._kept = self._kept, []
        if len(kept) > 1:
            yield tuple(kept)
            yield tuple(kept[::2])
            yield tuple(kept[1::2])
            return
        everything = tuple(_edits(life))
        yield everything
        yield from ((edit,) for edit in everything)

    def take(self, finding: Finding, edits: tuple[Edit, ...]) -> None:
        if finding.kind == self.finding.kind:
            self._failed.append((finding, edits))

    def choose(self) -> None:
        if not self._failed:
            self._done = self._done or not self._kept
            return
        best, edits = min(self._failed, key=lambda pair: len(pair[0].life.to_json()))
        single = {edits[0]: None for _, edits in self._failed if len(edits) == 1}
        if len(edits) == 1 and len(single) > 1:
            self._kept = list(single)  # of the life as it was: try them together
        else:
            self.finding = best


def _copy(life: Life) -> Life:
    """With an id of its own; of an odd kind if it was."""
    plain = len(life.task_id) == 36 and life.task_id.count("-") == 4
    new = str(uuid4())
    return replace(life, task_id=new if plain else new[:8] + life.task_id[8:])


def _edits(life: Life) -> Iterator[Edit]:
    """Each takes one thing away."""
    for field in fields(Life):
        if field.name not in ESSENTIAL and getattr(life, field.name) != field.default:
            yield lambda life, field=field: replace(life, **{field.name: field.default})
    if life.weather == "fair" and life.start:
        yield lambda life: replace(life, start=0.0)
    if len(life.task_id) != 36:
        yield lambda life: replace(life, task_id=str(uuid4()))
    if life.outside:
        yield lambda life: replace(life, outside=())
    for field in fields(Outside):
        if field.name != "what" and life.outside:
            yield lambda life, field=field: replace(
                life,
                outside=tuple(replace(o, **{field.name: field.default}) for o in life.outside),
            )
    for name in ("script", "again"):
        yield from _script_edits(life, name)


def _script_edits(life: Life, name: str) -> Iterator[Edit]:
    script = getattr(life, name)
    if len(script) > 1 or (name == "again" and script):
        least = 1 if name == "script" else 0
        yield lambda life: replace(
            life, **{name: getattr(life, name)[: max(least, len(getattr(life, name)) - 1)]}
        )
        yield lambda life: replace(
            life,
            **{name: getattr(life, name)[-max(least, len(getattr(life, name)) - 1) :]}
            if len(getattr(life, name)) > 1
            else {},
        )
    for field in fields(Attempt):
        if any(getattr(attempt, field.name) != field.default for attempt in script):
            yield lambda life, field=field: replace(
                life,
                **{
                    name: tuple(
                        replace(attempt, **{field.name: field.default})
                        for attempt in getattr(life, name)
                    )
                },
            )
