"""A token is valid for its task, its actions and its lifetime, while the site has its key."""

import os
from unittest import mock

import pytest
from django.core.signing import Signer

from progress import make_token
from progress.access import tokens
from tests.access.doors import CANCELS, DOORS, OWN, SOCKETS, WATCHED, Visitor, named

pytestmark = pytest.mark.usefixtures("task")
OTHER_ACTION = {"watch": "cancel", "cancel": "watch"}


def expired(task, action):
    with mock.patch("time.time", return_value=1e9):
        return make_token(task, actions=[action])


def other_salt(task, action):
    token = tokens.read_token(make_token(task, actions=[action]))
    return Signer(salt="progress.other", sep=".").sign_object(token)


def tampered(task, action):
    """Return the token with another task id and the old signature."""
    _, _, signature = make_token("task-2", actions=[action]).rpartition(".")
    data, _, _ = make_token(task, actions=[action]).rpartition(".")
    return f"{data}.{signature}"


def of_fewer_words(task, action):
    return Signer(salt=tokens.SALT, sep=".").sign_object([task, [action], 1, 2e9, None])


BAD = {
    "expired": expired,
    "of-another-task": lambda _, action: make_token("task-2", actions=[action]),
    "of-another-action": lambda task, action: make_token(task, actions=[OTHER_ACTION[action]]),
    "other-salt": other_salt,
    "tampered": tampered,
    "one-character-changed": lambda task, action: "X" + make_token(task, actions=[action])[1:],
    "truncated": lambda task, action: make_token(task, actions=[action])[:-1],
    "without-signature": lambda task, action: make_token(task, actions=[action]).rpartition(".")[0],
    "unsigned": lambda task, action: make_token(task, actions=[action]).rpartition(".")[0] + ".",
    "of-fewer-words": of_fewer_words,
    "nonsense": lambda *_: "nonsense",
}


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("kind", BAD)
async def test_an_invalid_token_gives_no_access(task, door, kind):
    assert (await door.ask(Visitor(OWN), task, BAD[kind](task, door.action))).word == "forbidden"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_an_unbound_token_works_for_everybody_who_has_it(task, door):
    token = make_token(task, actions=[door.action])
    assert (await door.ask(Visitor(OWN), task, token)).word == "allowed"
    assert (await door.ask(Visitor(), task, token)).word == "allowed"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_an_unbound_token_with_a_lifetime_works_for_another_user(people, task, door):
    token = make_token(task, actions=[door.action], lifetime=60)
    visitor = await Visitor.signed_in(people.other, OWN)
    assert (await door.ask(visitor, task, token)).word == "allowed"


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("fallbacks", [[], ["old"]], ids=["without-fallback", "with-fallback"])
@pytest.mark.parametrize("bound", [False, True], ids=["of-nobody", "of-the-owner"])
async def test_a_token_stays_valid_with_its_key_as_a_fallback(
    settings, people, task, door, fallbacks, bound
):
    settings.SECRET_KEY = "old"
    token = make_token(task, people.owner if bound else None, actions=[door.action])
    page = await Visitor.signed_in(people.owner, OWN)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", fallbacks
    word = "allowed" if fallbacks else "forbidden"
    assert (await door.ask(page, task, token)).word == word


@pytest.mark.parametrize("door", **named(CANCELS))
async def test_a_token_to_watch_does_not_permit_to_cancel(task, door):
    token = make_token(task)
    assert (await door.ask(Visitor(), task, token)).word == "forbidden"
    assert (await WATCHED[0].ask(Visitor(), task, token)).word == "allowed"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_a_token_can_permit_both_actions(task, door):
    token = make_token(task, actions=["watch", "cancel"])
    assert (await door.ask(Visitor(), task, token)).word == "allowed"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_a_bound_token_is_refused_in_another_users_page(people, task, door):
    for owner, other in ((people.owner, people.other), (people.other, people.owner)):
        token = make_token(task, owner, actions=[door.action])
        page = await Visitor.signed_in(other, OWN)
        assert (await door.ask(page, task, token)).word == "forbidden"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_a_bound_token_is_refused_for_a_user_with_the_same_password(people, task, door):
    people.other.password = people.owner.password
    await people.other.asave()
    token = make_token(task, people.owner, actions=[door.action])
    page = await Visitor.signed_in(people.other, OWN)
    assert (await door.ask(page, task, token)).word == "forbidden"


@pytest.mark.parametrize("door", **named([SOCKETS[1], *WATCHED]))
async def test_a_valid_token_elsewhere_does_not_replace_an_invalid_one(task, door):
    answer = await door.ask(Visitor(OWN), task, make_token("task-2"))
    assert answer.word == "forbidden"


def test_a_token_that_is_too_long_is_not_parsed():
    assert tokens.read_token(make_token("a" * 100)) is not None
    long = make_token(os.urandom(tokens.LONGEST).hex())
    assert len(long) > tokens.LONGEST
    assert tokens.read_token(long) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": ""}, "needs a task"),
        ({"task": None}, "delay_on_commit"),
        ({"actions": []}, "actions"),
        ({"actions": ["dance"]}, "actions"),
        ({"lifetime": 0}, "above 0"),
        ({"lifetime": -1}, "above 0"),
        ({"lifetime": float("nan")}, "above 0"),
    ],
)
def test_a_token_with_meaningless_arguments_raises_value_error(options, words):
    with pytest.raises(ValueError, match=words):
        make_token(**{"task": "a", **options})
