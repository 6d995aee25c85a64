"""Lives that fail are made smaller until only what matters is left."""

from dataclasses import replace

from tests.lifecycle.judge import Finding
from tests.lifecycle.lives import Attempt, Life, Outside, draw, from_json
from tests.lifecycle.shrink import shrink

LARGE = Life(
    task_id="0123abcd/cancel", pool="threads",
    start=2.5, late=True, base="hooks", soft=0.5, expires=1.0,
    script=(Attempt(reports=3, pace=0.1, end="retry", countdown=0.2), Attempt(reports=8)),
    outside=(Outside(what="abort", after=0.5), Outside(what="revoke", on="began", after=1.0)),
)  # fmt: skip


def shrunk(life, fails):
    """The life that is left of one that fails by that rule."""

    def live(lives):
        return [Finding("rule", each, "shown", "truth") for each in lives if fails(each)]

    (found,) = shrink([Finding("rule", life, "shown", "truth")], live, rounds=12)
    return replace(found.life, task_id="")


def test_one_option_is_left_of_a_large_life():
    assert shrunk(LARGE, lambda life: life.late) == Life(task_id="", late=True)


def test_two_options_that_fail_only_together_are_both_left():
    left = shrunk(LARGE, lambda life: life.late and life.script[0].end == "retry")
    assert left == Life(task_id="", late=True, script=(Attempt(end="retry"),))


def test_what_somebody_does_to_the_task_is_left_where_it_matters():
    left = shrunk(LARGE, lambda life: any(each.what == "revoke" for each in life.outside))
    assert left == Life(task_id="", outside=(Outside(what="revoke"),))


def test_another_fault_does_not_take_the_place_of_the_first():
    def live(lives):
        return [Finding("other", each, "shown", "truth") for each in lives]

    (found,) = shrink([Finding("rule", LARGE, "shown", "truth")], live)
    assert found.life == LARGE


def test_a_life_survives_being_written_down():
    assert all(from_json(draw(1, n).to_json()) == draw(1, n) for n in range(300))
