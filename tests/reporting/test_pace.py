"""The pace of a run: how fast it counts and how long it takes, and its place among other bars."""

import pytest

from benchmarks.eta.generate import RECORDED, generated
from benchmarks.eta.judge import judged, place
from benchmarks.eta.traces import read
from progress.reporting.pace import Pace

TRACES = {trace.name: trace for trace in read()}
#: The place of ours by error and by jitter, where one of them is not the first.
BEHIND = {
    "bursts": (2, 1),
    "faster": (2, 1),
    "long-tail": (2, 1),
    "minute": (2, 1),
    "phases": (2, 2),
    "slow-start": (2, 1),
    "tiring": (4, 1),
}


def counted(*changes, since=0):
    """A pace that has counted (seconds, units) one after another, and the time."""
    pace, at, current = Pace(since, 0.0), 0.0, since
    for seconds, units in changes:
        at, current = at + seconds, current + units
        pace.count(current, at)
    return pace, at


STEADY = [(0.5, 5)] * 40  # ten a second, for twenty seconds


def test_steady_work_has_its_rate_and_its_time_left():
    pace, now = counted(*STEADY)
    assert pace.rate(now) == pytest.approx(10)
    assert pace.left(500, now) == pytest.approx(30)


def test_without_a_total_there_is_a_rate_but_no_time_left():
    pace, now = counted(*STEADY)
    assert pace.rate(now) == pytest.approx(10)
    assert pace.left(None, now) is None


def test_a_count_beyond_the_total_has_nothing_left():
    pace, now = counted(*STEADY)
    assert pace.left(100, now) == 0


@pytest.mark.parametrize(
    ("changes", "known"),
    [([(2, 1)] * 2, False), ([(0.5, 1)] * 5, False), ([(0.5, 1)] * 6, True), ([(2, 1)] * 3, True)],
)
def test_nothing_is_known_before_three_changes_and_three_seconds(changes, known):
    pace, now = counted(*changes)
    assert (pace.left(100, now) is not None) == known
    assert (pace.rate(now) is not None) == known


def test_what_an_earlier_run_did_is_no_speed():
    pace, now = counted(*STEADY, since=8000)
    assert pace.left(8500, now) == pytest.approx(30)


@pytest.mark.parametrize("at", [0, 10])
def test_a_jump_is_no_speed(at):
    changes = [*STEADY[:at], (0.5, 4000), *STEADY[at:]]
    pace, now = counted(*changes)
    assert pace.rate(now) == pytest.approx(10)
    assert pace.left(4500, now) == pytest.approx(30)


def test_steps_that_stay_large_become_the_usual_ones():
    pace, now = counted(*STEADY, *[(0.5, 500)] * 40)
    assert pace.rate(now) == pytest.approx(1000, rel=0.05)


def test_a_pause_is_no_speed():
    pace, now = counted(*STEADY, (60, 5), *STEADY)
    assert pace.rate(now) == pytest.approx(10)


def test_a_change_of_speed_is_followed_within_seconds():
    pace, now = counted(*STEADY, *[(0.5, 20)] * 10)
    assert pace.rate(now) == pytest.approx(40, rel=0.15)


def test_time_runs_down_between_two_changes_as_far_apart_as_usual():
    pace, now = counted(*[(60, 1)] * 10)
    assert pace.left(20, now) == pytest.approx(600)
    assert pace.left(20, now + 45) == pytest.approx(555)


def test_in_silence_the_rate_sinks():
    pace, now = counted(*STEADY)
    rates = [pace.rate(now + silence) for silence in (0, 1, 3, 30)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1


def test_a_stalled_run_has_no_time_left_until_it_goes_on():
    pace, now = counted(*STEADY)
    assert pace.left(500, now + 4) is not None
    assert pace.left(500, now + 6) is None
    pace.count(205, now + 60)
    assert pace.left(500, now + 60) == pytest.approx(29.5)


def test_a_small_difference_does_not_move_the_end():
    pace, now = counted(*STEADY)
    end = now + pace.left(500, now)
    for _ in range(10):
        now += 0.505
        pace.count(pace.current + 5, now)
    assert now + pace.left(500, now) == pytest.approx(end)


def test_a_count_that_stays_or_falls_and_a_clock_that_stands_change_nothing():
    pace, now = counted(*STEADY)
    for current, at in [(pace.current, now + 0.1), (5, now + 0.2), (1000, now)]:
        pace.count(current, at)
    assert pace.current == 200
    assert pace.rate(now) == pytest.approx(10)


@pytest.mark.parametrize("name", TRACES)
def test_ours_keeps_its_place_among_tqdm_rich_and_indicatif(name):
    verdicts = judged(TRACES[name])
    error, jitter = BEHIND.get(name, (1, 1))
    assert place(verdicts, "error") <= error, verdicts
    assert place(verdicts, "jitter") <= jitter, verdicts


@pytest.mark.parametrize("name", TRACES)
def test_ours_shows_a_time_unless_the_task_pauses(name):
    shown = judged(TRACES[name])["ours"].shown
    assert shown > {"pauses": 0.7, "insert": 0.7}.get(name, 0.9)


def test_the_recorded_traces_are_those_that_the_generator_draws():
    drawn = {trace.name: trace.reports for trace in generated(RECORDED)}
    assert drawn == {name: TRACES[name].reports for name in drawn}
