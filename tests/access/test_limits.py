"""The limits of sockets for a user and an address: counted once allowed, released at the end."""

import pytest

from progress import make_token
from progress.hub import Hub
from tests.access.doors import OWN, SOCKETS, Visitor, named

pytestmark = pytest.mark.settings(PROGRESS_SOCKETS_PER_USER=2, PROGRESS_SOCKETS_PER_ADDRESS=3)


def counts():
    return dict(Hub.current().sockets._counts)


@pytest.mark.parametrize("door", **named(SOCKETS))
@pytest.mark.parametrize("rule", ["", "tests.access.rules.signed_in"], ids=["by-token", "by-user"])
async def test_a_user_over_the_socket_limit_is_refused(settings, people, task, door, rule):
    settings.PROGRESS_PERMISSION = rule
    visitor = await Visitor.signed_in(people.owner, OWN)
    token = make_token(task, people.owner)
    async with door.open(visitor, task, token) as first, door.open(visitor, task, token) as second:
        assert {(await socket.answer()).word for socket in (first, second)} == {"allowed"}
        async with door.open(visitor, task, token) as third:
            assert (await third.answer()).word == "too many"
    assert not counts()
    assert (await door.ask(visitor, task, token)).word == "allowed"
    assert not counts()


async def test_a_refused_socket_does_not_count_for_the_user_of_its_token(people, task):
    door, token = SOCKETS[0], make_token(task, people.owner)
    visitor = await Visitor.signed_in(people.owner, OWN)
    async with (
        door.open(Visitor(OWN), task, token) as one,
        door.open(Visitor(OWN), task, token) as two,
    ):
        assert {(await socket.answer()).word for socket in (one, two)} == {"forbidden"}
        assert (await door.ask(visitor, task, token)).word == "allowed"


async def test_an_address_over_the_socket_limit_is_refused(task):
    door, token = SOCKETS[1], make_token(task)
    visitor = Visitor(OWN)
    async with (
        door.open(visitor, task, token),
        door.open(visitor, task, token),
        door.open(visitor, task, token),
        door.open(visitor, task, token) as last,
    ):
        assert (await last.answer()).word == "too many"
    assert not counts()
