"""The origin of a page: its scheme, host and port must be the site's own or trusted."""

import pytest
from django.test import AsyncClient

from progress import make_token
from tests.access.doors import CANCELS, OWN, SOCKETS, WATCHED, Socket, StreamDoor, Visitor, named

FOREIGN = {
    "other-host": ["http://evil.test"],
    "other-port": ["http://testserver:8000"],
    "https-instead-of-http": ["https://testserver"],
    "https-on-the-port-of-http": ["https://testserver:80"],
    "subdomain": ["http://sub.testserver"],
    "parent-domain": ["http://server"],
    "suffix": ["http://testserver.evil.test"],
    "null": ["null"],
    "empty": [""],
    "two": [OWN, OWN],
    "two-the-last-ours": ["http://evil.test", OWN],
    "malformed-address": ["http://[::1"],
    "malformed-port": ["http://testserver:port"],
    "too-large-a-port": ["http://testserver:99999"],
    "with-a-user": ["http://testserver@evil.test"],
    "with-our-name-as-user": ["http://evil.test@testserver"],
    "with-a-path": [OWN + "/"],
    "no-scheme": ["//testserver"],
    "a-file": ["file://"],
    "an-extension": ["chrome-extension://testserver"],
    "wildcard-itself": ["http://*.trusted.test"],
    "wildcard-that-is-trusted": ["http://any.trusted.test"],
}
OWNS = {
    "own": ("testserver", "ws", OWN),
    "own-with-its-port": ("testserver:80", "ws", OWN),
    "own-of-a-port": ("testserver:8000", "ws", "http://testserver:8000"),
    "own-over-tls": ("testserver", "wss", "https://testserver"),
    "trusted": ("testserver", "ws", "https://trusted.test"),
}
STRANGE = {
    "http-instead-of-https": ("testserver", "wss", "http://testserver"),
    "rebound": ("evil.test", "ws", "http://evil.test"),
    "rebound-to-ours": ("evil.test", "ws", OWN),
    "malformed-host": ("[::1", "ws", OWN),
}


@pytest.fixture(autouse=True)
def _trusted(settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.test", "http://*.trusted.test"]


async def is_sent_away(door, visitor, task, user):
    """Check that the socket closes with 4403 despite a valid cookie and token."""
    answer = await door.ask(visitor, task, make_token(task, user))
    assert answer.word == "forbidden"
    assert answer.raw == {"type": "websocket.close", "code": 4403}


@pytest.mark.parametrize("door", **named(SOCKETS))
@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_page_of_another_site_gets_no_event(people, task, door, kind):
    visitor = await Visitor.signed_in(people.owner, *FOREIGN[kind])
    await is_sent_away(door, visitor, task, people.owner)


@pytest.mark.parametrize("door", **named(SOCKETS))
@pytest.mark.parametrize("kind", STRANGE)
async def test_a_page_under_another_host_name_of_the_site_gets_no_event(people, task, door, kind):
    host, scheme, origin = STRANGE[kind]
    visitor = await Visitor.signed_in(people.owner, origin, host=host, scheme=scheme)
    await is_sent_away(door, visitor, task, people.owner)


@pytest.mark.parametrize("door", **named(SOCKETS))
@pytest.mark.parametrize("kind", OWNS)
async def test_a_page_of_the_site_gets_events(people, task, door, kind):
    host, scheme, origin = OWNS[kind]
    visitor = await Visitor.signed_in(people.owner, origin, host=host, scheme=scheme)
    assert (await door.ask(visitor, task, make_token(task, people.owner))).word == "allowed"


@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_behind_a_tls_proxy_the_forwarded_scheme_counts(settings, people, task, door):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    page = await Visitor.signed_in(people.owner, "https://testserver")
    await is_sent_away(door, page, task, people.owner)
    page.more = [("x-forwarded-proto", "https")]
    assert (await door.ask(page, task, make_token(task, people.owner))).word == "allowed"


@pytest.mark.parametrize("door", **named([SOCKETS[0], SOCKETS[3]]))
@pytest.mark.parametrize("rule", ["", "tests.access.rules.signed_in"], ids=["by-token", "by-user"])
async def test_without_an_origin_the_cookie_is_ignored(settings, people, task, door, rule):
    settings.PROGRESS_PERMISSION = rule
    script, page = [await Visitor.signed_in(people.owner, *origin) for origin in ([], [OWN])]
    assert (await door.ask(script, task, None)).word == "forbidden"
    assert (await door.ask(page, task, None)).word == ("allowed" if rule else "forbidden")


@pytest.mark.parametrize("origin", [[], [OWN]], ids=["script", "signed-out-page"])
async def test_the_user_in_the_scope_is_ignored_on_a_site_with_django_users(
    settings, people, task, origin
):
    """Channels' AuthMiddleware sets the user by the cookie alone, at the handshake."""
    settings.PROGRESS_PERMISSION = "tests.access.rules.signed_in"
    socket = Socket(Visitor(*origin))
    socket.scope["user"] = people.owner
    async with socket:
        await socket.subscribe(task, None)
        assert (await socket.answer()).word == "forbidden"


@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_without_an_origin_the_token_counts_whoever_owns_the_cookie(people, task, door):
    script = await Visitor.signed_in(people.other)
    assert (await door.ask(script, task, make_token(task, people.owner))).word == "allowed"


@pytest.mark.parametrize("door", **named(CANCELS))
@pytest.mark.parametrize("origin", [[], [OWN], ["http://evil.test"]], ids=["none", "own", "other"])
async def test_cancelling_by_session_needs_the_csrf_token(settings, people, task, door, origin):
    settings.PROGRESS_PERMISSION = "tests.access.rules.signed_in"
    visitor = await Visitor.signed_in(people.owner, *origin, enforce_csrf_checks=True)
    assert (await door.ask(visitor, task, "nonsense")).word == "forbidden"


@pytest.mark.parametrize("door", **named(CANCELS))
async def test_a_script_cancels_with_a_bearer_token(task, door):
    token = make_token(task, actions=["cancel"])
    answer = await door.ask(Visitor(enforce_csrf_checks=True), task, token)
    assert answer.word == ("allowed" if door.way == "bearer" else "forbidden")


async def test_a_script_with_an_expired_token_gets_the_refusal_as_json(task):
    headers = {"authorization": "Bearer nonsense"}
    client = AsyncClient(enforce_csrf_checks=True)
    response = await client.post(f"/progress/{task}/cancel/", headers=headers)
    assert (response.status_code, "may not" in response.json()["detail"]) == (403, True)


@pytest.mark.parametrize("kind", [kind for kind in FOREIGN if FOREIGN[kind][0] != OWN])
async def test_a_page_of_another_site_gets_no_stream(people, task, kind):
    visitor = await Visitor.signed_in(people.owner, FOREIGN[kind][0])
    token = make_token(task, people.owner)
    assert (await StreamDoor().ask(visitor, task, token)).word == "forbidden"


@pytest.mark.parametrize(("origin", "status"), [(OWN, 202), ("http://evil.test", 403)])
async def test_cancelling_with_a_csrf_token_still_checks_the_origin(task, origin, status):
    client = AsyncClient(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = secret = "a" * 32
    token = make_token(task, actions=["cancel"])
    headers = {"origin": origin, "x-csrftoken": secret}
    path = f"/progress/{task}/cancel/"
    assert (await client.post(path, {"token": token}, headers=headers)).status_code == status


@pytest.mark.parametrize("door", **named(WATCHED))
@pytest.mark.parametrize("kind", ["own", "other"])
async def test_the_json_state_has_no_cors_header(task, door, kind):
    visitor = Visitor({"own": OWN, "other": "http://evil.test"}[kind])
    answer = await door.ask(visitor, task, make_token(task))
    assert not any(name.lower().startswith("access-control") for name, _ in answer.raw[1])


async def test_cancelling_requires_post(task):
    token = make_token(task, actions=["cancel"])
    path = f"/progress/{task}/cancel/?token={token}"
    assert (await AsyncClient().get(path)).status_code == 405
