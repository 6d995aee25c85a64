"""Events: what they say, and what they refuse."""

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from progress.events import Event, State, ended, follows, unknown
from progress.values import amount, capped, unit_name, words

HALF = Event(task_id="a", state=State.PROGRESS, version=7, run=5, current=5, total=10)


@pytest.mark.promise(1)
def test_an_event_says_all_there_is_to_draw():
    assert json.loads(replace(HALF, description="Importing").text()) == {
        "type": "progress",
        "version": 7,
        "run": 5,
        "stalled": False,
        "state": "PROGRESS",
        "task_id": "a",
        "attempt": 1,
        "published": 0,
        "worker": "",
        "started": None,
        "current": 5,
        "total": 10,
        "unit": None,
        "percent": 50.0,
        "rate": None,
        "eta": None,
        "description": "Importing",
        "complete": False,
        "success": None,
        "result": None,
        "error": None,
    }


def test_an_event_of_an_older_worker_is_read():
    event = replace(HALF, started=4, unit="rows", rate=2.5, eta=2)
    older = json.loads(event.text())
    for each in ("started", "unit", "rate", "eta"):
        del older[each]
    text = json.dumps(older)
    assert Event.from_text(text) == HALF
    assert Event.from_text(text).text() == text


def test_an_outcome_from_outside_keeps_the_start_and_has_no_rate():
    event = ended(replace(HALF, started=4, unit="rows", rate=2.5, eta=2), unknown("a"))
    assert (event.started, event.unit, event.rate, event.eta) == (4, "rows", None, None)


def test_an_event_survives_its_text():
    event = replace(HALF, description="naïve \u2028 </script>", result={"url": "/x"}, stalled=True)
    event = replace(event, started=4, unit="rows", rate=2.5, eta=2)
    assert Event.from_text(event.text()) == event
    assert Event.from_text(event.text().encode()).text() == event.text()


def test_a_changed_event_is_encoded_anew():
    event = Event.from_text(HALF.text())
    assert json.loads(replace(event, current=6).text())["current"] == 6


@pytest.mark.parametrize(
    ("current", "total", "percent"),
    [
        (0, 10, 0),
        (1, 3, 33.33),
        (29, 100, 29),
        (10, 10, 99.99),
        (11, 10, 99.99),
        (199_999, 200_000, 99.99),
        (5, None, None),
        (0, 0, 99.99),
        (2**53, 5e-324, 99.99),
    ],
)
def test_percent_stays_below_100_while_the_task_runs(current, total, percent):
    assert replace(HALF, current=current, total=total).percent == percent


def test_percent_is_100_once_the_task_has_succeeded():
    assert replace(HALF, state=State.SUCCESS, current=10).percent == 100
    assert replace(HALF, state=State.SUCCESS, current=0, total=0).percent == 100


def test_percent_never_falls_below_what_was_shown():
    assert replace(HALF, total=20, shown=50).percent == 50
    assert replace(HALF, state=State.FAILURE, total=20, shown=50).percent == 50


def test_a_part_shows_the_percent_of_the_whole():
    part = replace(HALF, whole=12.5)
    assert part.percent == 12.5
    assert Event.from_text(part.text()).percent == 12.5


@pytest.mark.parametrize(
    ("state", "complete", "success"),
    [
        (State.PENDING, False, None),
        (State.RETRY, False, None),
        (State.SUCCESS, True, True),
        (State.FAILURE, True, False),
        (State.REVOKED, True, False),
    ],
)
def test_only_outcomes_are_complete(state, complete, success):
    event = replace(HALF, state=state)
    assert (event.complete, event.success) == (complete, success)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"type":"progress"}',
        "[" * 100_000,
        HALF.text().replace("PROGRESS", "DANCING"),
        HALF.text().replace('"version":7', '"version":"7"'),
        HALF.text().replace('"task_id":"a"', '"task_id":null'),
        HALF.text().replace('"total":10', '"total":[]'),
        HALF.text().replace('"unit":null', '"unit":1'),
        HALF.text().replace('"eta":null', '"eta":-1'),
        HALF.text().replace('"rate":null', '"rate":"1"'),
        HALF.text().replace('"started":null', '"started":-1'),
    ],
)
def test_what_is_no_event_is_refused(text):
    with pytest.raises(ValueError, match=r"event|state|numbers"):
        Event.from_text(text)


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), (2.5, 2.5), (Decimal("4"), 4), (Fraction(1, 2), 0.5), (-1, 0), (True, 1)],
)
def test_amounts_are_what_json_can_carry(value, number):
    assert amount(value) == number
    json.dumps(amount(value), allow_nan=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "5", b"5", None, [], 1j])
def test_what_is_no_amount_is_refused(value):
    with pytest.raises(ValueError, match="must be a"):
        amount(value)


def test_an_amount_that_javascript_cannot_count_is_cut():
    assert amount(10**30) == amount(10**400) == 2**53
    assert amount(-(10**400)) == 0


class Unspeakable:
    """A value that cannot be turned into text."""

    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("rows", "rows"),
        (None, None),
        ("", None),
        (" ", None),
        (5, "5"),
        ("a\x1b[2J\nb", "a[2Jb"),
        ("x" * 99, "x" * 16),
        ("\ud800", "?"),
        (Unspeakable(), None),
    ],
)
def test_a_unit_is_short_and_printable(value, name):
    assert unit_name(value) == name


def test_words_are_cut_and_can_always_be_sent():
    assert words("é" * 600) == "é" * 512
    assert words("a\ud800b").encode() == b"a?b"


def test_a_result_that_is_too_big_or_no_json_stays_at_home():
    assert capped({"rows": 1}) == {"rows": 1}
    assert capped("x" * 7000) is None
    assert capped(object()) is None
    assert capped(float("nan")) is None


@pytest.mark.promise(2)
def test_nothing_follows_the_outcome_and_only_newer_follows_anything():
    assert follows(HALF, replace(HALF, version=8))
    assert not follows(HALF, HALF)
    assert not follows(HALF, replace(HALF, version=6))
    assert not follows(replace(HALF, state=State.FAILURE), replace(HALF, version=8))
