"""Whether an outcome that a run did not report itself is the outcome of the stored run."""

from dataclasses import replace

import pytest

from progress.events import RUNNING as RUNNING_STATES
from progress.events import Event, State
from progress.reporting.placing import UNBEGUN, place_outside, waits_for_end

RUNNING = Event(
    task_id="a", state=State.PROGRESS, run=5, attempt=2, published=9, worker="one", current=3
)
FAILURE = Event(task_id="a", state=State.FAILURE, attempt=2, published=9, worker="one", error="no")


def test_the_outcome_keeps_the_counts_of_the_run():
    placed = place_outside(FAILURE, RUNNING)
    assert (placed.state, placed.run, placed.current, placed.error) == ("FAILURE", 5, 3, "no")


@pytest.mark.parametrize(
    "other",
    [{"worker": "two"}, {"attempt": 1}, {"published": 8}],
    ids=["another process", "an earlier attempt", "the id's former task"],
)
def test_an_outcome_of_another_run_does_not_end_this_run(other):
    assert place_outside(replace(FAILURE, **other), RUNNING) is None


@pytest.mark.parametrize("other", [{"worker": ""}, {"worker": "two", "attempt": 3}])
def test_an_outcome_without_a_process_or_of_a_later_attempt_is_accepted(other):
    assert place_outside(replace(FAILURE, **other), RUNNING).state is State.FAILURE


@pytest.mark.parametrize("state", [State.PENDING, State.RETRY])
def test_while_no_process_runs_the_task_an_outcome_of_any_process_is_accepted(state):
    assert place_outside(replace(FAILURE, worker="two"), replace(RUNNING, state=state)) is not None


def test_an_outcome_is_not_replaced():
    assert place_outside(FAILURE, replace(RUNNING, state=State.REVOKED)) is None


def test_an_outcome_of_an_unknown_task_is_accepted_unchanged():
    assert place_outside(FAILURE, None) is FAILURE
    assert place_outside(replace(FAILURE, published=10), RUNNING).run == 0


def test_an_outcome_waits_for_the_end_of_a_run_that_is_at_work_beside_its_message():
    dropped = replace(FAILURE, state=State.REVOKED, worker=UNBEGUN)
    assert waits_for_end(dropped, RUNNING)
    assert waits_for_end(replace(dropped, attempt=3), RUNNING)
    for others in [{"attempt": 1}, {"published": 8}, {"worker": "one"}]:
        assert not waits_for_end(replace(dropped, **others), RUNNING)
    for state in set(State) - RUNNING_STATES:
        assert not waits_for_end(dropped, replace(RUNNING, state=state))


def test_dropping_a_message_ends_a_task_that_waits_or_is_stalled():
    dropped = replace(FAILURE, state=State.REVOKED, worker=UNBEGUN)
    assert place_outside(dropped, replace(RUNNING, stalled=True)).state is State.REVOKED
    waiting = place_outside(dropped, replace(RUNNING, state=State.PENDING, worker=""))
    assert (waiting.state, waiting.worker) == (State.REVOKED, "")
