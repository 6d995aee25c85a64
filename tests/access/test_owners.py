"""A task with an owner in its id can be watched by nobody else, whoever has a token."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.test import AsyncRequestFactory, RequestFactory

from progress import make_token, owned_task_id
from progress.access.owners import owns
from tests.access.doors import DOORS, OWN, SOCKETS, WATCHED, Visitor, named, news

PAGES = [door for door in DOORS if not door.name.startswith("embedded")]


def request_of(user=None, session=None):
    request = RequestFactory().post("/start/")
    request.user, request.session = user or AnonymousUser(), session
    return request


async def tokens(task, user, door):
    """Return the tokens that a page makes for any id: one for its user, one for everybody."""
    return [make_token(task, each, actions=[door.action]) for each in (user, None)]


@pytest.mark.parametrize("door", **named(PAGES))
async def test_a_page_that_signs_any_id_shows_an_owned_task_to_its_owner_only(people, hub, door):
    task = owned_task_id(request_of(people.owner))
    await news(task)
    owner, other = [await Visitor.signed_in(each, OWN) for each in (people.owner, people.other)]
    for token in await tokens(task, people.other, door):
        assert (await door.ask(other, task, token)).word == "forbidden"
    good, for_all = await tokens(task, people.owner, door)
    assert (await door.ask(owner, task, for_all)).word == "forbidden"
    assert (await door.ask(owner, task, good)).word == "allowed"


@pytest.mark.parametrize("door", **named(PAGES))
async def test_only_the_visitors_session_can_watch_the_visitors_task(transactional_db, hub, door):
    session = SessionStore()
    task = await sync_to_async(owned_task_id)(request_of(session=session))
    await news(task)
    visitor, other = Visitor(OWN), Visitor(OWN)
    visitor.client.cookies["sessionid"] = session.session_key
    other.client.cookies["sessionid"] = "a" * 32
    token = make_token(task, actions=[door.action])
    for stranger in (other, Visitor(OWN), Visitor()):
        assert (await door.ask(stranger, task, token)).word == "forbidden"
    assert (await door.ask(visitor, task, token)).word == "allowed"


async def test_the_refusal_of_another_users_task_has_the_reason_not_owner(people, hub):
    task = owned_task_id(people.owner)
    visitor = await Visitor.signed_in(people.other, OWN)
    answer = await SOCKETS[0].ask(visitor, task, make_token(task, people.other))
    assert '"reason":"not_owner"' in answer.raw["text"]


async def test_a_script_may_use_the_owners_token(people, hub):
    task = owned_task_id(people.owner)
    await news(task)
    token = make_token(task, people.owner)
    assert (await SOCKETS[1].ask(Visitor(), task, token)).word == "allowed"


async def test_a_rule_of_the_site_can_ask_for_the_owner(settings, people, hub):
    settings.PROGRESS_PERMISSION = "tests.access.rules.owning"
    task = owned_task_id(people.owner)
    await news(task)
    for user, word in ((people.owner, "allowed"), (people.other, "forbidden")):
        visitor = await Visitor.signed_in(user, OWN)
        assert (await WATCHED[0].ask(visitor, task, "nonsense")).word == word


def test_owned_ids_are_unique_and_hide_the_owners_name(admin_user):
    first, second = owned_task_id(admin_user), owned_task_id(admin_user)
    assert first != second
    assert len(first) < 100
    assert owns(first, user=str(admin_user.pk), session=None)


def test_a_made_up_owned_id_belongs_to_nobody(admin_user):
    pk, task = str(admin_user.pk), owned_task_id(admin_user)
    assert not owns(task[:-1] + ("A" if task[-1] != "A" else "B"), user=pk, session=None)
    assert not owns(task.replace("-user-", "-session-"), user=None, session=pk)
    assert owns("of-nobody-in-particular", user=None, session=None)


def test_an_owned_id_stays_valid_with_its_key_as_a_fallback(settings, admin_user):
    task, pk = owned_task_id(admin_user), str(admin_user.pk)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert owns(task, user=pk, session=None)
    settings.SECRET_KEY_FALLBACKS = []
    assert not owns(task, user=pk, session=None)


@pytest.mark.parametrize("owner", [AnonymousUser(), None])
def test_without_a_user_or_a_session_nobody_can_own_a_task(owner):
    with pytest.raises(ValueError, match="signed-in user, or a request with a session"):
        owned_task_id(owner)


async def test_an_unloaded_user_in_an_async_view_raises_an_error_with_the_remedy(people):
    visitor = await Visitor.signed_in(people.owner, OWN)
    request = AsyncRequestFactory().get("/")
    lazy_user(request, visitor)
    with pytest.raises(Exception, match=r"await request\.auser"):
        owned_task_id(request)


def lazy_user(request, visitor):
    """Return request.user as Django's middleware sets it."""
    from django.contrib.auth.middleware import AuthenticationMiddleware

    request.session = SessionStore(visitor.cookie)
    AuthenticationMiddleware(lambda _: None).process_request(request)
