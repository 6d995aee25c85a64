"""track() and recorders with every kind of iterable, amount and description."""

import pickle
from collections.abc import Sized
from contextvars import copy_context
from decimal import Decimal
from fractions import Fraction

import pytest
from django.utils.functional import lazystr

from progress import ProgressRecorder, track
from progress.events import State
from progress.reporting.nesting import Loop
from progress.reporting.runs import Run, enter, find_run, leave
from progress.values import COUNTABLE


class Task:
    """A task without a publisher; its run has the last report."""

    def __init__(self):
        self.run = Run("a")
        self.request = type("Request", (), {"progress_run": self.run, "id": "a"})


@pytest.fixture
def task():
    return Task()


def counts(task):
    event = task.run.event("PROGRESS")
    return event.current, event.total, event.percent


class Rows(Sized):
    """Rows whose length cannot be used."""

    def __init__(self, length):
        self._length = length

    def __len__(self):
        if isinstance(self._length, type):
            raise self._length("no length")
        return self._length

    def __iter__(self):
        return iter("abc")


@pytest.mark.parametrize(
    "length",
    [TypeError, NotImplementedError, RuntimeError, AttributeError, KeyError, -1, 2**80, "3", None],
)
def test_a_length_that_fails_leaves_the_amount_unknown(task, length):
    assert list(track(Rows(length), task=task)) == ["a", "b", "c"]
    assert counts(task) == (3, None, None)


async def test_asynchronous_items_are_counted(task):
    async def rows():
        for row in "abc":
            yield row

    seen = [row async for row in track(rows(), total=3, description="Rows", task=task)]
    assert seen == ["a", "b", "c"]
    assert counts(task) == (3, 3, 99.99)


def units(task):
    event = task.run.event("PROGRESS")
    return event.current, event.total, event.unit


def test_a_loop_and_a_recorder_name_what_they_count(task):
    ProgressRecorder(task, unit="B").set_progress(3, 10)
    assert units(task) == (3, 10, "B")
    files = ProgressRecorder(task, unit="files")
    files.set_progress(0, 2)
    for _ in range(2):
        for _ in track(range(4), unit="rows", task=task):
            assert units(task)[1:] == (4, "rows")
        for _ in track(range(3), task=task):
            assert units(task)[1:] == (3, None)
        files.increment_progress()
        assert units(task)[1:] == (2, "files")


def test_a_loop_goes_on_where_an_earlier_run_stopped(task):
    shown = [counts(task) for _ in track(range(2), initial=8, task=task)]
    assert [*shown, counts(task)] == [(8, 10, 80), (9, 10, 90), (10, 10, 99.99)]
    assert list(track("ab", 20, initial=8, task=task)) == ["a", "b"]
    assert counts(task)[:2] == (10, 20)


async def test_an_asynchronous_loop_goes_on_where_an_earlier_run_stopped(task):
    async def rows():
        yield "a"

    assert [row async for row in track(rows(), 10, initial=8, unit="rows", task=task)] == ["a"]
    assert units(task) == (9, 10, "rows")


@pytest.mark.parametrize("initial", [None, "8", 2.5, -8])
def test_an_unusable_initial_count_is_0(task, initial):
    assert list(track("ab", initial=initial, task=task)) == ["a", "b"]
    assert counts(task)[:2] == (2, 2)


def measured(task, seconds, *said, loop=None):
    """The rate and time left after these reports, one each half second, read by the publisher."""
    for number, (current, total) in enumerate(said):
        task.run.said = (current, total, "", loop)
        task.run.measure(seconds + number / 2)
    event = task.run.event(State.PROGRESS)
    return event.rate, event.eta


def test_the_rate_and_the_time_left_are_those_of_what_the_run_did(task):
    rows = [(8000 + 5 * number, 8500) for number in range(41)]
    assert measured(task, 100, *rows) == (10, 30)
    assert task.run.event(State.SUCCESS).eta is None


def test_a_count_that_falls_begins_other_work(task):
    measured(task, 100, *[(5 * number, 1000) for number in range(41)])
    assert measured(task, 200, (0, 50)) == (None, None)


def test_inside_a_nested_loop_the_time_left_is_that_of_the_whole(task):
    outer = Loop((0, 10, "", None), None)
    parts = [(number, 40) for number in range(40)]  # a tenth in twenty seconds
    assert measured(task, 100, *parts, loop=outer) == (None, pytest.approx(180.5))


def test_watchers_hear_that_a_run_has_become_silent_once(task):
    measured(task, 100, *[(5 * number, 500) for number in range(41)])
    assert not task.run.has_slowed(121)
    assert task.run.has_slowed(130)
    assert task.run.event(State.PROGRESS).eta is None
    assert [task.run.has_slowed(at) for at in (130.1, 130.2)] == [False, False]


@pytest.mark.parametrize("said", [(float("nan"), 10), ("five", 10), (5, "ten"), (object(), None)])
def test_a_count_that_cannot_be_measured_leaves_the_speed(task, said):
    rows = [(5 * number, 500) for number in range(41)]
    assert measured(task, 100, *rows, said) == (10, 30)


def test_each_recorder_counts_for_itself(task):
    files = ProgressRecorder(task)
    files.set_progress(0, 3)
    seen = []
    for _ in range(3):
        for _ in track(range(20), task=task):
            seen.append(counts(task)[2])
        files.increment_progress()
        seen.append(counts(task))
    shown = [each if isinstance(each, float) else each[2] for each in seen]
    assert [each for each in seen if isinstance(each, tuple)] == [
        (1, 3, 33.33),
        (2, 3, 66.67),
        (3, 3, 99.99),
    ]
    assert shown == sorted(shown), "it falls"


def test_a_nested_loop_is_a_part_of_the_outer_loop(task):
    shown = []
    for _ in track(range(2), task=task):
        for _ in track(range(4), description="Rows", task=task):
            shown.append(counts(task))
    assert shown[:4] == [(0, 4, 0), (1, 4, 12.5), (2, 4, 25), (3, 4, 37.5)]
    assert shown[5] == (1, 4, 62.5)


def test_after_break_the_next_loop_is_not_nested(task):
    for _ in track(range(10), task=task):
        break
    shown = [counts(task) for _ in track(range(4), task=task)]
    assert shown == [(0, 4, 0), (1, 4, 25), (2, 4, 50), (3, 4, 75)]


def test_the_percent_does_not_fall_when_more_work_turns_up(task):
    recorder = ProgressRecorder(task)
    recorder.set_progress(5, 10)
    assert counts(task) == (5, 10, 50)
    recorder.set_progress(6, 100)
    assert counts(task) == (6, 100, 50)


@pytest.mark.parametrize(
    ("first", "by", "sum_"),
    [
        (0.0, Decimal("0.1"), 0.1),
        (Decimal("0.5"), 0.25, 0.75),
        (Fraction(1, 2), Decimal("0.5"), 1),
        (1, 2, 3),
    ],
)
def test_float_and_decimal_are_added(task, first, by, sum_):
    recorder = ProgressRecorder(task)
    recorder.set_progress(first, 10)
    recorder.increment_progress(by)
    assert counts(task)[0] == pytest.approx(sum_)


@pytest.mark.parametrize("unusable", [float("nan"), float("inf"), "five", None, object(), 1j])
def test_an_unusable_value_keeps_the_last_value_and_is_logged_once(task, caplog, unusable):
    recorder = ProgressRecorder(task)
    recorder.set_progress(5, 10)
    assert counts(task)[:2] == (5, 10)
    for _ in range(3):
        recorder.set_progress(unusable, 10)
        recorder.increment_progress(unusable)
        assert counts(task)[:2] == (5, 10)
    recorder.set_progress(6, unusable if unusable is not None else 10)
    assert counts(task)[:2] == (6, 10)
    recorder.increment_progress(1)
    assert counts(task)[0] == 7
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("current", "total", "percent"),
    [
        (2**60, 2**61, 50),
        (10**400, 4 * 10**400, 25),
        (1e300, 2e300, 50),
        (5e-324, 1e-323, 50),
        (Decimal(10) ** 30, Decimal(10) ** 31, 10),
        (1, 10**400, 0),
        (199_999, 200_000, 99.99),
    ],
)
def test_the_percent_is_right_for_any_two_numbers(task, current, total, percent):
    ProgressRecorder(task).set_progress(current, total)
    shown = counts(task)
    assert shown[2] == percent
    assert shown[0] <= shown[1] <= COUNTABLE


def test_a_recorder_can_be_pickled_for_another_process(task):
    recorder = ProgressRecorder(task, unit="rows")
    recorder.set_progress(3, 10, "Here")
    other = pickle.loads(pickle.dumps(recorder))
    assert other._run.task_id == "a"
    assert other._run.attend, "it looks for that process's publisher at its first report"
    assert other._run.said == recorder._run.said
    other.increment_progress()
    assert other._run.said[3].unit == "rows"


def test_outside_a_task_track_only_yields_the_items(caplog):
    recorder = ProgressRecorder(None)
    recorder.set_progress(1, 2)
    recorder.increment_progress()
    assert list(track([1, 2])) == [1, 2]
    assert not caplog.records


async def test_after_break_from_an_async_loop_the_next_loop_is_not_nested(task):
    async def rows():
        for row in range(10):
            yield row

    async for row in track(rows(), 10, task=task):
        if row == 5:
            break
    async for row in track(rows(), 10, task=task):
        if row == 5:
            assert counts(task) == (5, 10, 50)


def test_none_or_an_empty_description_keeps_the_last_one(task):
    recorder = ProgressRecorder(task)
    for description in ("Importing", None, "", lazystr("")):
        recorder.set_progress(1, 2, description)
        assert task.run.event("PROGRESS").description == "Importing"


def test_a_context_that_outlives_its_task_reports_for_the_task_that_is_passed_to_it():
    class Task:
        name, request = "count", None

    first, second = Run("first"), Run("second")
    first.task = second.task = Task
    enter(first)
    context = copy_context()  # like that of a greenlet that works for many tasks
    first.concluded = True
    leave(first)
    enter(second)
    try:
        assert context.run(find_run, Task) is second
    finally:
        leave(second)
    assert context.run(find_run, Task) is first  # better than no run and a line in the log
