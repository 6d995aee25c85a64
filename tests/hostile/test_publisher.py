"""Whatever a task reports, the task does not fail and other tasks' events still go out."""

import json
from decimal import Decimal

import pytest

from progress import ProgressRecorder, PublicError
from progress.events import EVENT_LIMIT, Event, State
from progress.exceptions import public_words
from progress.reporting import current
from progress.reporting.current import current_publisher
from progress.values import capped
from tests.hostile.words import WORDS, Array


class Scalar:
    """Like a scalar of NumPy: a number that is not an instance of Python's number types."""

    def __float__(self):
        return 5.0


AMOUNTS = {
    "more than all": (12, 10, 100),
    "0 of 0": (0, 0, 100),
    "5 of 0": (5, 0, 100),
    "of unknown": (5, None, None),
    "of less than nothing": (5, -3, 100),
    "less than nothing": (-5, 10, 0),
    "NaN": (float("nan"), 10, 0),
    "of NaN": (5, float("nan"), None),
    "infinity": (float("inf"), 10, 0),
    "of infinity": (5, float("inf"), None),
    "Decimal": (Decimal("5"), Decimal("10"), 50),
    "Decimal NaN": (Decimal("NaN"), Decimal("sNaN"), None),
    "NumPy-like": (Scalar(), 10, 50),
    "an array": (Array(), Array(), None),
    "too big": (10**400, 10**5000, 0),
    "big": (10**30, 10**30, 100),
    "text": ("5", b"10", None),
    "None": (None, 10, 0),
    "a list": ([], {}, None),
    "complex": (1j, 1j, None),
}


@pytest.fixture
def told(raw):
    """Report this for a task and return what the store then holds."""

    def tell(*said, **outcome):
        run = current_publisher().open("a")
        other = current_publisher().open("b")
        recorder(run).set_progress(*said)
        current_publisher().conclude(run, State.SUCCESS, **outcome)
        current_publisher().conclude(other, State.SUCCESS)
        assert current.flush(5)
        assert Event.from_text(raw.get("progress:event:b")).complete, "others are told of"
        return raw.get("progress:event:a")

    return tell


def recorder(run):
    """A recorder for this run."""
    request = type("Request", (), {"progress_run": run, "id": run.task_id, "is_eager": True})
    return ProgressRecorder(type("Task", (), {"request": request}))


def strictly(text):
    """Parse the event as strict JSON."""
    assert len(text.encode()) <= EVENT_LIMIT
    return json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize("name", AMOUNTS)
def test_any_reported_amount_becomes_a_number_that_a_bar_can_show(told, name):
    current, total, percent = AMOUNTS[name]
    event = strictly(told(current, total, "Working"))
    assert (event["percent"], event["state"]) == (percent, "SUCCESS")
    assert 0 <= event["current"] <= 2**53
    assert event["description"] == "Working"


@pytest.mark.parametrize("name", WORDS)
def test_any_reported_description_becomes_text_of_limited_length(told, name):
    description, shown = WORDS[name]
    assert strictly(told(1, 2, description))["description"] == shown


@pytest.mark.parametrize("description", ["😀" * 512, "\1" * 512, "é" * 512])
def test_an_event_never_exceeds_8_kib(told, description):
    result = capped("é" * 3000)
    assert result
    text = told(1, 2, description, result=result, error=description)
    assert strictly(text)["description"] == description


def test_an_error_without_a_message_is_still_a_failure():
    assert public_words(PublicError(Array())) is None


def test_incrementing_by_anything_does_not_raise():
    growing = recorder(current_publisher().open("a"))
    growing.increment_progress(Array())
    growing.increment_progress(Decimal("sNaN"))
    growing.increment_progress(None, Array())
