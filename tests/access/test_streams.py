"""A right that ends while an event stream is open: the stream ends within 2 s."""

import asyncio
from unittest import mock

import pytest
from django.test import AsyncClient

from progress import make_token, recheck
from progress.access import Asker, tokens
from progress.hub import Hub, rechecks
from tests.access import rules
from tests.access.changes import deactivated, hears_changes, logged_out, password_changed
from tests.access.doors import OWN, StreamDoor, Visitor, events, news

WITHIN = 2  # seconds, as promised while Redis is there
DOOR = StreamDoor()


async def streamed(visitor, task, token):
    """Open a stream, and return its events once it gets changes of rights."""
    response = await visitor.client.get(f"/progress/{task}/events", {"token": token})
    told = events(response)
    assert (await anext(told))["state"] == "STARTED"
    await hears_changes()
    return told


async def ends(told, task):
    """Check that the stream ends in time, and that no task stays watched."""
    async with asyncio.timeout(WITHIN):
        assert [event async for event in told if event["type"] == "progress"] == []
    assert task not in Hub.current()._topics


@pytest.mark.parametrize("change", [logged_out, password_changed, deactivated])
async def test_a_stream_ends_with_its_right_and_the_next_is_refused(settings, people, task, change):
    settings.PROGRESS_PERMISSION = "tests.access.rules.signed_in"
    visitor = await Visitor.signed_in(people.member, OWN)
    told = await streamed(visitor, task, "nonsense")
    await change(visitor, people)
    await ends(told, task)
    assert (await DOOR.ask(visitor, task, "nonsense")).word == "forbidden"


async def test_a_stream_ends_when_the_rule_fails(settings, people, task):
    settings.PROGRESS_PERMISSION = "tests.access.rules.same_group"
    visitor = await Visitor.signed_in(people.member, OWN)
    told = await streamed(visitor, task, "nonsense")
    settings.PROGRESS_PERMISSION = "tests.access.rules.raising"
    recheck(task=task)
    await ends(told, task)
    assert (await DOOR.ask(visitor, task, "nonsense")).word == "undecided"


async def test_a_change_while_the_rule_runs_is_not_missed(settings, people, task):
    settings.PROGRESS_PERMISSION = "tests.access.rules.held"
    rules.asked.clear()
    rules.go_on.clear()
    visitor = await Visitor.signed_in(people.member, OWN)
    witness = await streamed(visitor, task, "nonsense")
    asking = asyncio.ensure_future(DOOR.ask(visitor, "held", "nonsense"))
    assert await asyncio.to_thread(rules.asked.wait, 10)
    await people.team.user_set.aremove(people.member)
    await ends(witness, task)  # so the change is known here
    rules.go_on.set()
    assert (await asking).word == "forbidden"


async def test_a_stream_ends_with_its_token(monkeypatch, task):
    monkeypatch.setattr(rechecks, "RECHECK_AFTER", 0.1)
    told = await streamed(Visitor(), task, make_token(task, lifetime=1))
    await asyncio.sleep(1)  # as long as it lives
    await ends(told, task)


async def test_the_token_of_a_stream_is_renewed(monkeypatch, task):
    token = make_token(task)
    told = await streamed(Visitor(), task, token)
    half = tokens.time.time() + 5 * 3600
    monkeypatch.setattr(tokens.time, "time", lambda: half)
    recheck(task=task)
    async with asyncio.timeout(WITHIN):
        renewed = await anext(told)
    assert (renewed["type"], renewed["task_id"]) == ("token", task)
    assert renewed["token"] != token
    await news(task)
    assert (await anext(told))["state"] == "STARTED"
    await told.aclose()


@pytest.mark.settings(PROGRESS_SOCKETS_PER_USER=2)
async def test_a_user_over_the_stream_limit_is_refused(people, task):
    token, visitor = make_token(task, people.owner), Visitor()
    streams = [await streamed(visitor, task, token) for _ in range(2)]
    assert (await DOOR.ask(visitor, task, token)).word == "too many"
    await streams.pop().aclose()
    async with asyncio.timeout(WITHIN):
        while (await DOOR.ask(visitor, task, token)).word != "allowed":
            pass
    await streams.pop().aclose()


@pytest.mark.settings(PROGRESS_SOCKETS_PER_ADDRESS=1)
async def test_an_address_over_the_stream_limit_is_refused(task):
    token, visitor = make_token(task), Visitor()
    told = await streamed(visitor, task, token)
    assert (await DOOR.ask(visitor, task, token)).word == "too many"
    await told.aclose()


async def test_the_rule_gets_the_scope(settings, people, task):
    seen = mock.Mock(side_effect=lambda who, *_: who)
    settings.PROGRESS_PERMISSION = seen
    await DOOR.ask(Visitor(OWN), task, "nonsense")
    (who, *rest), _ = seen.call_args
    assert isinstance(who, Asker)
    assert who.scope["path"] == f"/progress/{task}/events"
    assert rest == [task, "watch"]


async def test_an_unreadable_origin_is_refused(task):
    response = await AsyncClient().get(
        f"/progress/{task}/events", {"token": make_token(task)}, headers={"origin": "null"}
    )
    assert response.status_code == 403
