"""The judge of lives knows how time limits end tasks and processes."""

import pytest

from tests.lifecycle.batch import Living
from tests.lifecycle.case import Case
from tests.lifecycle.ends import deaths
from tests.lifecycle.lives import Life
from tests.lifecycle.shown import Shown, began, ended, event
from tests.lifecycle.truth import truth


@pytest.mark.parametrize("limit", ["soft", "hard"])
def test_a_copy_that_a_time_limit_cuts_off_beside_one_that_succeeds_ends_the_task_either_way(limit):
    shown = Shown(
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 1.5}, began(2, nth=2),
        ended(2.5, "success", nth=2), late=True, ignored=True, **{limit: 1.2},
    )  # fmt: skip
    for state in ("FAILURE", "SUCCESS"):
        assert shown.rules((2.6, event(state, 9, run=8))) == []
    assert shown.rules((2.6, event("REVOKED", 9, run=8))) == ["wrong end"]


def test_a_process_dies_when_its_time_is_over_and_at_the_latest_when_celery_records_that():
    living = Living(Life(task_id="x", hard=0.5))
    living.notes, living.statuses = [began(1)], [(1.2, "PROGRESS"), (3, "FAILURE")]
    assert list(deaths(living)) == [(7, 1.5), (7, 3)]


def test_a_process_that_the_ids_first_life_lost_counts_as_dead():
    living = Living(Life(task_id="x", hard=0.5))
    living.notes = [began(1)]
    living.begin_again()
    living.notes = [began(3), ended(4, "kill")]
    assert list(deaths(living)) == [(7, 1.5), (7, 4)]


@pytest.mark.parametrize(("limit", "rules"), [(0.5, []), (None, ["undecided"])])
def test_a_time_limit_that_strikes_as_a_task_sends_its_retry_fails_the_task(limit, rules):
    shown = Shown(began(1), ended(1.4, "retry"), soft=limit)
    assert shown.rules((1.6, event("FAILURE", 2))) == rules


@pytest.mark.parametrize(("killed", "rules"), [(1.6, []), (9, ["undecided"])])
def test_a_kill_as_a_task_sends_its_retry_fails_the_task(killed, rules):
    shown = Shown(began(1), ended(1.4, "retry"))
    shown.facts.killed = [killed]
    shown.living.truth = truth(Case(shown.living, shown.facts, now=100.0))
    assert shown.rules((9, event("FAILURE", 2))) == rules


@pytest.mark.parametrize(("purged", "rules"), [([2], []), ([], ["wrong end"])])
def test_a_retry_that_is_purged_before_it_expires_fails_the_task(purged, rules):
    shown = Shown(began(1), ended(1.4, "retry"), expires=0.5)
    shown.facts.purged = purged
    shown.living.truth = truth(Case(shown.living, shown.facts, now=100.0))
    assert shown.rules((9, event("FAILURE", 2))) == rules


@pytest.mark.parametrize(("thawed", "rules"), [(4, []), (3, ["wrong end"])])
def test_a_frozen_worker_terminates_a_task_when_it_goes_on(thawed, rules):
    terminate = {"what": "outside", "did": "terminate", "nth": 0, "at": 2}
    shown = Shown(began(1), terminate, ended(4.5, "failure"), weather="worker frozen",
                  statuses=[(4.6, "REVOKED")])  # fmt: skip
    shown.facts.raged = [(1.5, thawed)]
    shown.living.truth = truth(Case(shown.living, shown.facts, now=100.0))
    assert shown.rules((4.7, event("REVOKED", 2))) == rules


@pytest.mark.parametrize(("after", "dead"), [(0.3, [(7, 2.3)]), (0.4, [])])
def test_a_process_may_be_terminated_just_after_its_task_ended(after, dead):
    living = Living(Life(task_id="x"))
    terminate = {"what": "outside", "did": "terminate", "nth": 0, "at": 2 + after}
    living.notes = [began(1), ended(2, "success"), terminate]
    assert list(deaths(living)) == dead


@pytest.mark.parametrize(("limit", "rules"), [(0.5, []), (None, ["wrong end"])])
def test_a_task_that_ended_before_its_time_limit_was_enforced_has_either_end(limit, rules):
    shown = Shown(
        began(1), {"what": "outside", "did": "abort", "nth": 0, "at": 1.9},
        {"what": "aborted", "nth": 1, "at": 2}, statuses=[(1.9, "ABORTED"), (2.8, "FAILURE")],
        base="abortable", hard=limit,
    )  # fmt: skip
    assert shown.rules((2.1, event("REVOKED", 2))) == rules
    assert shown.rules((2.8, event("FAILURE", 2))) == []


@pytest.mark.parametrize(("left", "dead"), [(1.4, [(7, 1.5)]), (1.1, [])])
def test_a_time_limit_may_strike_until_celery_has_finished_with_the_execution(left, dead):
    living = Living(Life(task_id="x", hard=0.5))
    living.notes = [began(1), ended(1.05, "replace"), {"what": "left", "nth": 1, "at": left}]
    assert list(deaths(living)) == dead


@pytest.mark.parametrize(("left", "rules"), [([], []), ([1.1], ["called over and goes on"])])
def test_a_time_limit_may_end_a_task_that_is_sending_its_replacement(left, rules):
    shown = Shown(
        began(1), ended(1.05, "replace"), *({"what": "left", "nth": 1, "at": at} for at in left),
        {"what": "piece began", "piece": "last", "nth": 0, "at": 4},
        {"what": "piece ended", "piece": "last", "fails": False, "nth": 0, "at": 5, "pid": 7},
        statuses=[(5.1, "SUCCESS")], hard=0.5,
    )  # fmt: skip
    success = event("SUCCESS", 9, run=8)
    found = shown.rules((1.6, event("FAILURE", 2)), late=success, state=success)
    assert [rule for rule in found if rule != "wrong end"] == rules


@pytest.mark.parametrize(("limit", "rules"), [(0.1, []), (None, ["undecided"])])
def test_a_time_limit_may_strike_before_the_first_note(limit, rules):
    shown = Shown({"what": "entered", "nth": 0, "at": 1}, ignored=True, hard=limit)
    assert shown.rules((1.2, event("FAILURE", 2))) == rules


@pytest.mark.parametrize(("did", "end"), [("revoke", "FAILURE"), ("terminate", "REVOKED")])
def test_only_a_terminate_ends_a_task_before_its_time_limit_does(did, end):
    """Celery 5.6 records REVOKED also for a run that goes on, and no end of an ignored result."""
    outside = {"what": "outside", "did": did, "nth": 0, "at": 1.5}
    shown = Shown(began(1), outside, statuses=[(1.6, "REVOKED")], ignored=True, hard=0.8)
    for state in ("FAILURE", "REVOKED"):
        rules = [] if state == end else ["wrong end"]
        assert shown.rules((2, event(state, 2))) == rules
