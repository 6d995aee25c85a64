"""A refusal has a reason: a word for the client, and a line in the site's log."""

import logging

import pytest

from progress import make_token
from progress.access import refusals
from tests.access.doors import CANCELS, DOORS, OWN, SOCKETS, WATCHED, StreamDoor, Visitor, named

LOGGER = "progress.access.refusals"


@pytest.fixture(autouse=True)
def _no_line_was_written_before():
    refusals._buckets.clear()
    refusals._silent.clear()


def lines(caplog):
    return [each.getMessage() for each in caplog.records if each.name == LOGGER]


TOKENS = {
    "no_token": lambda task, people: None,
    "bad_token": lambda task, people: make_token(task) + "x",
    "expired_token": lambda task, people: make_token(task, lifetime=0.001),
    "other_task": lambda task, people: make_token("task-2"),
    "other_action": lambda task, people: make_token(task, actions=["cancel"]),
    "other_user": lambda task, people: make_token(task, people.other),
}


@pytest.mark.parametrize("reason", TOKENS)
@pytest.mark.parametrize("door", **named([SOCKETS[0], SOCKETS[3], *WATCHED, StreamDoor()]))
async def test_a_refused_token_has_its_reason_in_the_log(people, task, door, reason, caplog):
    visitor = await Visitor.signed_in(people.owner, OWN)
    answer = await door.ask(visitor, task, TOKENS[reason](task, people))
    assert answer.word == "forbidden"
    [line] = lines(caplog)
    assert line.startswith(f"Refused to watch task '{task}': {refusals.WORDS[reason]}")


@pytest.mark.parametrize("reason", list(TOKENS)[1:])
async def test_the_client_gets_the_reason_before_the_close(people, task, reason):
    visitor = await Visitor.signed_in(people.owner, OWN)
    async with SOCKETS[1].open(visitor, task, TOKENS[reason](task, people)) as socket:
        assert (await socket.answer()).word == "forbidden"
        assert socket.reason == reason


@pytest.mark.parametrize("reason", TOKENS)
async def test_a_refused_subscription_has_the_reason(people, task, reason):
    visitor = await Visitor.signed_in(people.owner, OWN)
    answer = await SOCKETS[0].ask(visitor, task, TOKENS[reason](task, people))
    assert f'"reason":"{reason}"' in answer.raw["text"]


@pytest.mark.parametrize("door", **named([*WATCHED, *CANCELS, StreamDoor()]))
async def test_a_refusal_over_http_has_the_reason(people, task, door):
    answer = await door.ask(Visitor(), task, make_token("task-2"))
    assert b'"reason": "other_task"' in answer.raw[0]


async def test_a_foreign_page_is_logged_with_the_origins_that_are_expected(settings, task, caplog):
    settings.CSRF_TRUSTED_ORIGINS = ["https://other.test", "https://*.wild.test"]
    async with SOCKETS[0].open(Visitor("http://proxy.test"), task, None) as socket:
        assert (await socket.answer()).word == "forbidden"
        assert socket.reason == "foreign_origin"
    [line] = lines(caplog)
    assert "'http://proxy.test'" in line
    assert "expected is http://testserver or https://other.test." in line


async def test_a_host_outside_allowed_hosts_is_logged(task, caplog):
    await StreamDoor().ask(Visitor(OWN), task, None)
    caplog.clear()
    async with SOCKETS[0].open(Visitor(OWN, host="rebound.test"), task, None) as socket:
        await socket.answer()
    [line] = lines(caplog)
    assert "ALLOWED_HOSTS" in line


async def test_a_refusal_by_a_site_rule_names_the_setting(settings, people, task, caplog):
    settings.PROGRESS_PERMISSION = "tests.access.rules.denied"
    answer = await SOCKETS[0].ask(Visitor(OWN), task, make_token(task))
    assert '"reason":"rule"' in answer.raw["text"]
    assert "PROGRESS_PERMISSION" in lines(caplog)[0]


async def test_many_refusals_are_logged_in_few_lines(task, caplog, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(refusals.time, "monotonic", lambda: now)
    for _ in range(100):
        await WATCHED[0].ask(Visitor(), task, "nonsense")
    assert len(lines(caplog)) == refusals.BURST
    now += 1 / refusals.RATE
    await WATCHED[0].ask(Visitor(), task, "nonsense")
    assert lines(caplog)[-1].endswith(f"({100 - refusals.BURST} more since the last such line)")


@pytest.mark.settings(PROGRESS_SOCKETS_PER_ADDRESS=1)
async def test_too_many_connections_are_logged(task, caplog):
    token, door = make_token(task), SOCKETS[1]
    async with door.open(Visitor(), task, token), door.open(Visitor(), task, token) as second:
        assert (await second.answer()).word == "too many"
        assert (await StreamDoor().ask(Visitor(), task, token)).word == "too many"
    assert second.reason == "address_connections"
    assert all("PROGRESS_SOCKETS_PER_ADDRESS" in line for line in lines(caplog))
    assert len(lines(caplog)) == 2


async def test_allowed_access_is_not_logged(task, caplog):
    caplog.set_level(logging.INFO)
    for door in DOORS:
        await door.ask(Visitor(OWN), task, make_token(task, actions=["watch", "cancel"]))
    assert lines(caplog) == []
