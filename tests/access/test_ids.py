"""A client that may not watch a task cannot find out whether it exists."""

import re

import pytest

from progress import make_token
from tests.access.doors import DOORS, OWN, SOCKETS, Visitor, named

UNKNOWN = "task-0"  # as long as the one that exists
RULES = ["", "same_group", "same_group_async", "absent", "denied", "nothing"]


def told(answer):
    """Return the whole answer, without its time."""
    return re.sub(r"\d\d:\d\d:\d\d GMT", "", repr(answer.raw))


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("rule", RULES)
async def test_unknown_and_foreign_ids_get_equal_answers(settings, people, task, door, rule):
    settings.PROGRESS_PERMISSION = rule and f"tests.access.rules.{rule}"
    visitor = await Visitor.signed_in(people.other, OWN)
    token = make_token("of another", people.other, actions=[door.action])
    foreign, unknown = [(await door.ask(visitor, each, token)) for each in (task, UNKNOWN)]
    assert foreign.word == "forbidden"
    assert told(foreign).replace(task, UNKNOWN) == told(unknown)


@pytest.mark.parametrize("door", **named(DOORS))
async def test_a_foreign_bound_token_does_not_reveal_a_task(people, task, door):
    visitor = await Visitor.signed_in(people.other, OWN)
    foreign, unknown = [
        await door.ask(visitor, each, make_token(each, people.owner, actions=[door.action]))
        for each in (task, UNKNOWN)
    ]
    assert foreign.word == "forbidden"
    assert told(foreign).replace(task, UNKNOWN) == told(unknown)


@pytest.mark.parametrize("door", **named(DOORS))
async def test_staff_without_a_valid_token_are_refused(people, task, door):
    visitor = await Visitor.signed_in(people.staff, OWN)
    assert (await door.ask(visitor, task, "nonsense")).word == "forbidden"


@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_an_allowed_client_learns_that_an_id_is_unknown(hub, door):
    answer = await door.ask(Visitor(OWN), UNKNOWN, make_token(UNKNOWN))
    assert '"UNKNOWN"' in answer.raw["text"]
