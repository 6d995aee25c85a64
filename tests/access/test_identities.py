"""Access by identity: every kind of user at every door."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import AsyncRequestFactory

from progress import amake_token, make_token
from tests.access.doors import DOORS, OWN, SOCKETS, Visitor, named

RULES = ["same_group", "same_group_async", "same_group_object"]
pytestmark = pytest.mark.usefixtures("task")


async def browser(people, name):
    """Return a browser in which that user, or nobody, is signed in."""
    if name == "anonymous":
        return Visitor(OWN)
    return await Visitor.signed_in(getattr(people, name), OWN)


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("name", ["anonymous", "owner", "other", "staff", "inactive"])
async def test_a_token_bound_to_the_owner_works_for_the_owner_only(people, task, door, name):
    token = make_token(task, people.owner, actions=[door.action])
    answer = await door.ask(await browser(people, name), task, token)
    # Over HTTP nothing tells who is not signed in from a script.
    bearer = name in {"anonymous", "inactive"} and door.transport == "http"
    assert answer.word == ("allowed" if name == "owner" or bearer else "forbidden")


@pytest.mark.parametrize("door", **named(DOORS))
async def test_a_script_may_use_a_bound_token(people, task, door):
    token = make_token(task, people.owner, actions=[door.action])
    assert (await door.ask(Visitor(), task, token)).word == "allowed"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_a_bound_token_is_refused_once_its_user_is_inactive(people, task, door):
    token = make_token(task, people.inactive, actions=[door.action])
    assert (await door.ask(Visitor(), task, token)).word == "forbidden"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_a_bound_token_is_refused_once_the_password_has_changed(people, task, door):
    token = make_token(task, people.owner, actions=[door.action])
    people.owner.set_password("2")
    await people.owner.asave()
    assert (await door.ask(Visitor(), task, token)).word == "forbidden"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_a_bound_token_is_refused_once_its_user_is_deleted(people, task, door):
    token = make_token(task, people.owner, actions=[door.action])
    await people.owner.adelete()
    assert (await door.ask(Visitor(), task, token)).word == "forbidden"


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("name", ["anonymous", "owner", "staff"])
async def test_nobody_watches_without_a_token(people, task, door, name):
    visitor = await browser(people, name)
    if door.name in {"websocket-query", "websocket-protocol"}:
        async with door.open(visitor, task, None) as socket:
            await socket.hears_nothing_of(task)  # a frame may still bring the right
    else:
        assert (await door.ask(visitor, task, None)).word == "forbidden"


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("name", ["anonymous", "other", "member", "inactive"])
@pytest.mark.parametrize("rule", RULES)
async def test_a_site_rule_can_allow_a_group(settings, people, task, door, name, rule):
    settings.PROGRESS_PERMISSION = f"tests.access.rules.{rule}"
    # A token that says nothing here, so that each way has something to carry.
    answer = await door.ask(await browser(people, name), task, "nonsense")
    assert answer.word == ("allowed" if name == "member" else "forbidden")


@pytest.mark.parametrize("door", **named(DOORS))
async def test_a_session_from_before_a_password_change_is_void(settings, people, task, door):
    settings.PROGRESS_PERMISSION = "tests.access.rules.signed_in"
    visitor = await browser(people, "owner")
    assert (await door.ask(visitor, task, "nonsense")).word == "allowed"
    await type(people.owner).objects.aupdate(password="")
    assert (await door.ask(visitor, task, "nonsense")).word == "forbidden"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_inactive_users_are_refused_even_if_the_backend_returns_them(
    settings, people, task, door
):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    token = make_token(task, people.inactive, actions=[door.action])
    assert (await door.ask(await browser(people, "inactive"), task, token)).word == "forbidden"


async def request_of(user, session=None):
    """A request of a user; without a session, as with the tokens of an API."""
    request = AsyncRequestFactory().get("/")
    request.user = user
    if session is not None:
        request.session = SessionStore(session)
    return request


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("name", ["anonymous", "owner", "other"])
async def test_a_token_of_a_user_without_a_session_is_good_for_its_bearer(people, task, door, name):
    token = await amake_token(task, await request_of(people.owner), actions=[door.action])
    visitor = await browser(people, name)
    assert (await door.ask(visitor, task, token)).word == "allowed"
    assert (await door.ask(Visitor(), task, token)).word == "allowed"


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("change", ["inactive", "password", "gone"])
async def test_a_bearer_may_not_once_the_user_may_not(people, task, door, change):
    token = await amake_token(task, await request_of(people.owner), actions=[door.action])
    if change == "inactive":
        people.owner.is_active = False
        await people.owner.asave()
    elif change == "password":
        people.owner.set_password("2")
        await people.owner.asave()
    else:
        await people.owner.adelete()
    assert (await door.ask(Visitor(OWN), task, token)).word == "forbidden"


@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_a_token_of_a_user_who_is_signed_in_by_a_session_needs_it_in_a_page(
    people, task, door
):
    page = await Visitor.signed_in(people.owner, OWN)
    token = await amake_token(task, await request_of(people.owner, page.cookie))
    for visitor in (Visitor(OWN), await Visitor.signed_in(people.other, OWN)):
        assert (await door.ask(visitor, task, token)).word == "forbidden"
    assert (await door.ask(page, task, token)).word == "allowed"


async def test_the_session_of_another_user_does_not_sign_the_user_of_an_api_in(people, task):
    page = await Visitor.signed_in(people.other, OWN)
    token = await amake_token(task, await request_of(people.owner, page.cookie))
    assert (await SOCKETS[0].ask(page, task, token)).word == "allowed"
