"""The judge of lives finds what is shown wrongly, and lets pass what Celery itself calls over."""

import time

import pytest

from tests.lifecycle.batch import Living
from tests.lifecycle.case import OPEN, Case, Truth
from tests.lifecycle.lives import Attempt, Life
from tests.lifecycle.shown import Shown, began, ended, event
from tests.lifecycle.truth import truth


@pytest.fixture
def succeeded():
    return Shown(began(1), ended(2, "success"), statuses=[(2.1, "SUCCESS")])


def test_a_life_that_is_shown_as_it_was_passes(succeeded):
    assert succeeded.rules((0, event("PENDING", 1)), (2.2, event("SUCCESS", 2))) == []


def test_another_end_than_celerys_is_found(succeeded):
    assert succeeded.rules((2.2, event("FAILURE", 2))) == ["wrong end"]


def test_a_watcher_who_sees_other_counts_than_the_json_is_found(succeeded):
    other = event("SUCCESS", 2, current=3)
    assert "views differ" in succeeded.rules((2.2, event("SUCCESS", 2)), state=other)


def test_an_attempt_that_was_not_the_last_is_found(succeeded):
    assert succeeded.rules((2.2, event("SUCCESS", 2, attempt=4))) == ["attempt"]


def test_a_success_that_nothing_said_while_the_task_goes_on_is_found(succeeded):
    assert "called over and goes on" in succeeded.rules((1.2, event("SUCCESS", 2)))


def test_a_failure_before_a_copy_of_the_message_began_passes():
    shown = Shown(
        began(1), ended(2, "failure"), {"what": "outside", "did": "redeliver", "nth": 0, "at": 3},
        began(4, nth=2), ended(5, "success", nth=2),
        statuses=[(2.1, "FAILURE"), (5.1, "SUCCESS")], late=True,
    )  # fmt: skip
    success = event("SUCCESS", 9, run=8)
    assert shown.rules((2.2, event("FAILURE", 2)), late=success, state=success) == []


def test_a_failure_while_a_newer_execution_is_at_work_is_found():
    shown = Shown(
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 2}, began(2, nth=2),
        ended(4, "failure"), ended(6, "success", nth=2),
        statuses=[(4.1, "FAILURE"), (6.1, "SUCCESS")], late=True,
    )  # fmt: skip
    success = event("SUCCESS", 9, run=8)
    rules = shown.rules((4.2, event("FAILURE", 2)), late=success, state=success)
    assert rules == ["wrong end", "called over and goes on"]


def test_a_copy_beyond_the_script_beside_an_execution_that_ignores_can_be_judged():
    shown = Shown(
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 2}, began(2, nth=2),
        ended(3, "ignore"), ended(4, "success", nth=2), late=True, ignored=True,
    )  # fmt: skip
    assert shown.rules((4.1, event("SUCCESS", 9, run=8))) == []


def aborted_copy(*, newer):
    """Two executions at once; the newer or the older one is aborted, and the other one succeeds."""
    first, second = (2, 1) if newer else (1, 2)
    return Shown(
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 2}, began(2, nth=2),
        {"what": "outside", "did": "abort", "nth": 0, "at": 3},
        {"what": "aborted", "nth": first, "at": 3.1}, ended(5, "success", nth=second),
        statuses=[(3, "ABORTED"), (5.1, "SUCCESS")], late=True, base="abortable",
    )  # fmt: skip


def test_a_newer_execution_that_is_aborted_ends_what_is_watched():
    success = event("SUCCESS", 9, run=8)
    frames = (1.2, event("STARTED", 2)), (3.2, event("REVOKED", 3))
    assert aborted_copy(newer=True).rules(*frames, late=success, state=success) == []
    rules = aborted_copy(newer=False).rules(*frames, late=success, state=success)
    assert rules == ["wrong end", "called over and goes on"]


def test_an_outcome_that_an_abort_replaces_in_the_record_stays():
    shown = Shown(
        began(1), {"what": "outside", "did": "abort", "nth": 0, "at": 3},
        statuses=[(2, "FAILURE"), (3.1, "ABORTED")], base="abortable", hard=0.9,
    )  # fmt: skip
    assert shown.rules((2.1, event("FAILURE", 2))) == []
    assert "wrong end" in shown.rules((2.1, event("REVOKED", 2)))


def test_an_abort_after_a_time_limit_that_struck_as_it_was_terminated_leaves_both_ends():
    shown = Shown(
        began(1), {"what": "outside", "did": "terminate", "nth": 0, "at": 1.1},
        {"what": "outside", "did": "abort", "nth": 0, "at": 3},
        statuses=[(1.2, "REVOKED"), (1.3, "FAILURE"), (3.1, "ABORTED")],
        base="abortable", pool="gevent", hard=0.11,
    )  # fmt: skip
    assert shown.rules((2, event("REVOKED", 2))) == []
    assert shown.rules((2, event("FAILURE", 2))) == []
    assert shown.rules((2, event("SUCCESS", 2))) == ["wrong end"]


def test_a_replacement_that_is_revoked_after_a_hook_failed_may_be_shown_as_revoked():
    shown = Shown(
        began(1), ended(2, "auto"), began(2.1, nth=2), ended(2.2, "replace", nth=2),
        {"what": "outside", "did": "revoke", "nth": 0, "at": 2.4},
        {"what": "piece began", "piece": "last", "nth": 0, "at": 2.5},
        {"what": "piece ended", "piece": "last", "fails": False, "nth": 0, "at": 4, "pid": 7},
        statuses=[(2.3, "FAILURE"), (5, "REVOKED")], base="raising hooks", auto="at once",
    )  # fmt: skip
    assert shown.rules((5.1, event("REVOKED", 2, attempt=2))) == []


def used_again(how, *, published, stored=""):
    """A life whose id was used before, for a task that succeeded."""
    shown = Shown(
        {"what": "published", "nth": 0, "at": published}, began(21), ended(22, how),
        statuses=[(12, "SUCCESS")], again=(Attempt(end=how, stored=stored),),
    )  # fmt: skip
    living = shown.living
    first = Truth(frozenset({"SUCCESS"}), "")
    living.first = [began(10), ended(11, "success")], first
    living.truth = truth(Case(living, shown.facts, now=100.0))
    return shown


@pytest.mark.parametrize(
    ("how", "published", "rules"),
    [
        ("ignore", 15, []),
        ("ignore", 18, ["wrong end of an id used again"]),
        ("failure", 15, ["wrong end of an id used again"]),
        ("auto", 15, ["wrong end of an id used again"]),
    ],
)
def test_a_success_of_the_ids_first_life_passes_where_only_the_record_tells(how, published, rules):
    success = event("SUCCESS", 9, run=8)
    shown = used_again(how, published=published)
    assert shown.rules((12, event("SUCCESS", 2)), late=success, state=success) == rules


@pytest.mark.parametrize(("back", "rules"), [(23, []), (21, ["wrong end of an id used again"])])
def test_a_store_that_is_set_back_may_know_only_the_ids_first_life(back, rules):
    shown = used_again("failure", published=18)
    shown.facts.emptied, shown.facts.weather = [(15, back)], "store set back"
    shown.living.statuses = []  # its result is ignored
    success = event("SUCCESS", 9, run=8)
    assert shown.rules((12, event("SUCCESS", 2)), late=success, state=success) == rules


def test_nothing_that_a_task_stores_by_hand_replaces_the_success_of_the_ids_first_life():
    shown = used_again("ignore", published=18, stored="FAILURE")
    waiting, failure = event("PENDING", 9, run=8), event("FAILURE", 9, run=8)
    assert shown.rules((12, event("SUCCESS", 2)), late=waiting, state=waiting) == []
    rules = shown.rules((12, event("SUCCESS", 2)), late=failure, state=failure)
    assert rules == ["wrong end of an id used again"]


@pytest.mark.parametrize(("pid", "rules"), [(7, []), (8, ["wrong end of an id's first life"])])
def test_an_end_of_the_ids_first_life_may_be_killed_with_its_process(pid, rules):
    shown = used_again("failure", published=15)
    shown.facts.deaths = [(pid, 11.1)]
    assert shown.rules((22.1, event("FAILURE", 9, run=8))) == rules


def test_an_id_is_used_again_only_after_its_replacement_has_ended_and_is_recorded():
    living = Living(Life(task_id="x"))
    living.notes, living.statuses = [began(1), ended(2, "replace")], [(3, "FAILURE")]
    assert living.replacement_goes_on()
    now = time.time()
    living.notes.append({"what": "piece ended", "piece": "last", "nth": 0, "at": now - 4})
    assert living.replacement_goes_on()
    living.statuses.append((now - 1, "SUCCESS"))
    assert living.replacement_goes_on()
    living.statuses[-1] = (now - 3, "SUCCESS")
    assert not living.replacement_goes_on()


def test_a_message_of_the_ids_first_life_that_comes_back_is_of_that_life():
    living = Living(Life(task_id="x"))
    living.begin_again()
    late, own = began(3, nth=2) | {"key": "x"}, began(2) | {"key": "x\n2"}
    living.take(own)
    living.take(late)
    assert (living.first[0], living.notes) == ([late], [own])


def test_a_hook_that_fails_a_copy_ends_what_is_watched_while_the_older_execution_goes_on():
    shown = Shown(
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 1.1}, began(2, nth=2),
        ended(2.1, "success", nth=2), {"what": "hook", "hook": "on_failure", "nth": 0, "at": 2.2},
        ended(4, "failure"), {"what": "hook", "hook": "on_failure", "nth": 0, "at": 4.1},
        statuses=[(2.3, "FAILURE")], late=True, base="raising hooks",
    )  # fmt: skip
    assert shown.rules((2.25, event("FAILURE", 2))) == []


def test_a_replacement_that_is_revoked_beside_a_copy_of_the_task_ends_it_either_way():
    notes = (
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 1.5},
        ended(2, "replace"), began(4, nth=2), ended(4.1, "success", nth=2),
    )  # fmt: skip
    revoke = {"what": "outside", "did": "revoke", "nth": 0, "at": 3}
    revoked = event("REVOKED", 9, run=8)
    options = {"statuses": [(4.2, "SUCCESS")], "late": True}
    assert Shown(*notes, revoke, **options).rules((9, revoked)) == []
    assert Shown(*notes, **options).rules((9, revoked)) == ["wrong end"]


@pytest.mark.parametrize(
    ("copy", "rules"),
    [("failure", []), ("retry", ["wrong end", "called over and goes on"])],
)
def test_the_failure_of_a_copy_stands_when_the_retry_of_the_other_one_is_revoked(copy, rules):
    shown = Shown(
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 1.1}, began(2, nth=2),
        ended(2.1, copy, nth=2), {"what": "outside", "did": "revoke", "nth": 0, "at": 2.5},
        ended(4, "retry"), statuses=[(2.2, "FAILURE"), (4.1, "RETRY")], late=True,
    )  # fmt: skip
    assert shown.rules((2.2, event("FAILURE", 2))) == rules


@pytest.mark.parametrize(("late", "rules"), [(True, []), (False, ["wrong end"])])
def test_a_message_that_comes_back_after_an_exit_may_have_expired(late, rules):
    shown = Shown(began(1), ended(2, "exit"), statuses=[(4, "REVOKED")], late=late, expires=1.0)
    assert shown.rules((4.1, event("REVOKED", 9))) == rules


@pytest.mark.parametrize(("end", "rules"), [("exit", []), ("failure", ["wrong end"])])
def test_a_revoke_before_celery_notices_a_lost_process_ends_the_task_either_way(end, rules):
    revoke = {"what": "outside", "did": "revoke", "nth": 0, "at": 2.1}
    statuses = [(2.2, "REVOKED"), (3, "FAILURE")]
    assert (
        Shown(began(1), ended(2, end), revoke, statuses=statuses).rules((2.5, event("REVOKED", 2)))
        == rules
    )


@pytest.mark.parametrize(
    ("stored", "rules"), [("FAILURE", []), ("", ["wrong end", "called over and goes on"])]
)
def test_a_failure_that_a_newer_execution_stored_by_hand_ends_what_is_watched(stored, rules):
    shown = Shown(
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 1.1}, began(2, nth=2),
        ended(2.1, "ignore", nth=2), ended(4, "success"), statuses=[(4.1, "SUCCESS")], late=True,
        script=(Attempt(), Attempt(end="ignore", stored=stored)),
    )  # fmt: skip
    success = event("SUCCESS", 9, run=8)
    assert shown.rules((2.2, event("FAILURE", 2)), late=success, state=success) == rules


def test_the_end_of_a_copy_counts_where_another_execution_never_goes_on():
    notes = (
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 1.1}, began(2, nth=2),
        ended(2.1, "failure", nth=2), ended(4, "requeue"),
    )  # fmt: skip
    shown = Shown(*notes, late=True, ignored=True)
    assert shown.rules((4.2, event("FAILURE", 9, run=8))) == []
    assert shown.rules((4.2, event("SUCCESS", 9, run=8))) == ["wrong end"]


@pytest.mark.parametrize(
    ("after", "rules"), [(0.3, []), (0.4, ["wrong end", "called over and goes on"])]
)
def test_a_hook_may_write_its_note_just_after_its_failure_was_shown(after, rules):
    shown = Shown(
        began(1), ended(2, "auto"),
        {"what": "hook", "hook": "on_failure", "nth": 0, "at": 2.1 + after},
        began(4, nth=2, retries=1), ended(5, "success", nth=2),
        statuses=[(5.1, "SUCCESS")], base="raising hooks", auto="at once",
    )  # fmt: skip
    success = event("SUCCESS", 9, run=8, attempt=2)
    assert shown.rules((2.1, event("FAILURE", 2)), late=success, state=success) == rules


def failed_before_a_retry(*, read_after):
    """A watcher sees FAILURE at 5, before another execution; its record is read after that."""
    success = event("SUCCESS", 9, run=8, attempt=2)
    shown = Shown(
        began(1), ended(4, "retry"), began(6, nth=2, retries=1), ended(7, "success", nth=2),
        statuses=[(5 + read_after, "FAILURE"), (7.1, "SUCCESS")],
    )  # fmt: skip
    return shown.rules((5, event("FAILURE", 2)), late=success, state=success)


def test_an_end_passes_whose_status_is_read_within_half_a_second_after_it_was_shown():
    assert failed_before_a_retry(read_after=0.4) == []
    assert "called over and goes on" in failed_before_a_retry(read_after=0.6)


@pytest.mark.parametrize(("killed", "rules"), [(1.4, []), (3, ["undecided"])])
def test_a_late_message_is_lost_only_on_its_way_to_a_worker_that_is_killed(killed, rules):
    shown = Shown({"what": "published", "nth": 0, "at": 1}, late=True)
    shown.facts.killed = [killed]
    shown.living.truth = truth(Case(shown.living, shown.facts, now=100.0))
    assert shown.rules((1, event("PENDING", 1))) == rules


@pytest.mark.parametrize(("purged", "rules"), [([2], []), ([], ["wrong end"])])
def test_a_message_that_is_purged_before_it_expires_leaves_the_task_waiting(purged, rules):
    shown = Shown({"what": "published", "nth": 0, "at": 1}, expires=0.5, ignored=True)
    shown.facts.purged = purged
    shown.living.truth = truth(Case(shown.living, shown.facts, now=100.0))
    assert shown.rules((1, event("PENDING", 1))) == rules
    assert shown.rules((1, event("REVOKED", 1))) == []


@pytest.mark.parametrize(("base", "rules"), [("raising hooks", []), ("hooks", ["attempt"])])
def test_an_attempt_whose_hook_raises_may_end_by_the_next_outcome_in_the_record(base, rules):
    shown = Shown(
        began(1), ended(2, "auto"), began(2.1, nth=2, retries=1), ended(2.2, "success", nth=2),
        {"what": "hook", "hook": "on_retry", "nth": 0, "at": 2.3},
        statuses=[(2.4, "SUCCESS")], base=base, auto="at once",
    )  # fmt: skip
    assert shown.rules((2.5, event("SUCCESS", 9))) == rules


def test_waiting_again_after_work_is_found(succeeded):
    frames = (1.1, event("STARTED", 2)), (1.5, event("PENDING", 3)), (2.2, event("SUCCESS", 4))
    assert succeeded.rules(*frames) == ["waits again"]


def test_percent_that_falls_or_is_full_before_the_end_is_found(succeeded):
    half = event("PROGRESS", 3, current=1, total=2, percent=50)
    full = event("PROGRESS", 2, current=2, total=2, percent=100)
    last = event("SUCCESS", 4, percent=100)
    rules = succeeded.rules((1.1, full), (1.3, half), (2.2, last))
    assert rules == ["percent before the end", "percent falls"]


def test_an_end_that_was_killed_with_its_process_passes():
    shown = Shown(began(1), ended(2, "success"), statuses=[(2.1, "SUCCESS")])
    shown.facts.deaths = [(7, 2.05)]
    assert shown.rules((1.1, event("STARTED", 2))) == []
    shown.facts.deaths = [(8, 2.05)]
    assert shown.rules((1.1, event("STARTED", 2))) == ["wrong end"]


def died_in_an_outage(*, ended_by):
    """A task that one process began, and then died, while the store took no events."""
    end = ended(2.9 if ended_by == 7 else 6, "success") | {"pid": ended_by}
    shown = Shown(began(1), end, statuses=[(end["at"], "SUCCESS")], weather="store full")
    shown.facts.raged, shown.facts.deaths = [(2, 4)], [(7, 3)]
    return shown


def test_an_end_passes_only_where_the_process_that_died_in_an_outage_said_it():
    assert died_in_an_outage(ended_by=7).rules((1.1, event("STARTED", 2))) == []
    assert died_in_an_outage(ended_by=8).rules((1.1, event("STARTED", 2))) == ["wrong end"]


@pytest.mark.parametrize(("came", "rules"), [(2.5, []), (1.5, ["percent falls"])])
def test_a_step_back_passes_only_from_what_was_announced_in_an_outage(came, rules):
    half = event("PROGRESS", 2, current=1, total=2, percent=50)
    quarter = event("PROGRESS", 3, current=1, total=4, percent=25)
    frames = (came, half), (4.5, quarter), (6.1, event("SUCCESS", 9, percent=100))
    assert died_in_an_outage(ended_by=8).rules(*frames) == rules


def test_an_unknown_task_passes_only_where_the_store_came_back_empty():
    shown = Shown(began(1), ended(2, "success"), ignored=True, weather="store away")
    unknown = event("UNKNOWN", 0)
    assert shown.rules((9, unknown)) != []
    shown.facts.emptied = [(0, 5.0)]
    assert shown.rules((9, unknown)) == []


@pytest.mark.parametrize(("taken", "rules"), [(0, []), (0.5, []), (1.5, ["wrong end"])])
def test_a_store_that_comes_back_without_any_run_shows_the_task_waiting(taken, rules):
    """Celery's record of a task that never ran, as far as the store knows, is read every 35 s."""
    shown = Shown(began(1), ended(2, "success"), statuses=[(2.1, "SUCCESS")])
    shown.facts.emptied, shown.facts.weather = [(taken, 3)], "store set back"
    assert shown.rules((0, event("PENDING", 1))) == rules


@pytest.mark.parametrize(("end", "rules"), [("success", []), ("requeue", ["counts"])])
def test_the_second_execution_of_one_message_is_a_copy_unless_the_first_gave_it_back(end, rules):
    """A worker that shuts down gives back what it has not acknowledged."""
    second = ended(5, "success", nth=2) | {"said": [7]}
    shown = Shown(began(1), ended(2, end), began(4, nth=2), second, statuses=[(2.1, "SUCCESS")])
    assert shown.rules((2.2, event("SUCCESS", 2))) == rules


@pytest.mark.parametrize(
    ("weather", "rules"), [("store full", []), ("fair", ["wrong end", "called over and goes on"])]
)
def test_a_failure_may_come_late_only_while_the_store_takes_no_events(weather, rules):
    """Another execution has begun meanwhile, and nothing compares the two."""
    shown = Shown(
        began(1), ended(2, "auto"), {"what": "hook", "hook": "on_failure", "nth": 0, "at": 2.1},
        began(2.5, nth=2, retries=1), ended(9, "success", nth=2), statuses=[(9.1, "SUCCESS")],
        base="raising hooks", auto="at once", weather=weather,
    )  # fmt: skip
    shown.facts.raged = [(1.5, 3.5)]
    success = event("SUCCESS", 9, run=8, attempt=2)
    assert shown.rules((3.4, event("FAILURE", 2)), late=success, state=success) == rules


@pytest.mark.parametrize(
    ("newer", "rules"), [("requeue", []), ("success", ["called over and goes on"])]
)
def test_a_message_that_comes_back_and_is_revoked_ends_what_is_watched_beside_an_older_one(
    newer, rules
):
    shown = Shown(
        began(1), {"what": "outside", "did": "redeliver", "nth": 0, "at": 1.1}, began(2, nth=2),
        {"what": "outside", "did": "revoke", "nth": 0, "at": 2.1}, ended(2.5, newer, nth=2),
        ended(6, "success"), statuses=[(2.2, "REVOKED"), (6.1, "SUCCESS")], late=True,
    )  # fmt: skip
    success = event("SUCCESS", 9, run=8)
    found = shown.rules((2.8, event("REVOKED", 2)), late=success, state=success)
    assert [rule for rule in found if rule != "wrong end"] == rules


@pytest.mark.parametrize(("state", "rules"), [("UNKNOWN", []), ("PROGRESS", ["attempt falls"])])
def test_a_task_that_the_store_has_forgotten_has_no_attempt(state, rules):
    shown = Shown(began(1), ended(2, "ignore"), kind="eager", weather="store away")
    shown.living.eager, shown.facts.emptied = "IGNORED", [(0, 3)]
    shown.living.truth = Truth(OPEN, "")
    second = event("STARTED", 2, attempt=2)
    assert shown.rules((1, second), (9, event(state, 3, run=0)))[: len(rules) or None] == rules


@pytest.mark.parametrize(("left", "rules"), [([], []), ([5.1], ["undecided"])])
def test_an_execution_that_nothing_ended_hangs_in_its_worker(left, rules):
    entered = [{"what": "entered", "nth": 0, "at": at} for at in (1, 5)]
    out = [{"what": "left", "nth": 1, "at": at} for at in (2.1, *left)]
    shown = Shown(*entered, began(1), ended(2, "retry"), *out, pool="eventlet")
    assert shown.rules((5, event("STARTED", 3, attempt=2))) == rules


@pytest.mark.parametrize(("before", "rules"), [("SUCCESS", []), ("RETRY", ["wrong end"])])
def test_a_failure_that_replaces_a_success_in_the_record_leaves_both_ends(before, rules):
    shown = Shown(
        began(1), ended(2, "success"), statuses=[(2.1, before), (2.1, "FAILURE")],
        base="raising hooks",
    )  # fmt: skip
    assert shown.rules((2.1, event("SUCCESS", 2))) == rules
    assert shown.rules((2.1, event("FAILURE", 2))) == []
