"""Site rules that fail, hang, are slow, or answer after the rights have changed."""

import asyncio
import time
from contextlib import asynccontextmanager
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from progress import make_token, recheck
from progress.access import Asker
from progress.access import rules as access_rules
from progress.hub import Hub, rechecks
from progress.transports import connections
from tests.access import rules
from tests.access.changes import closes, logged_out, opened, stays
from tests.access.doors import DOORS, OWN, SOCKETS, StreamDoor, Visitor, events, named, news

WITHIN = 2  # seconds


@pytest.fixture(autouse=True)
def _let_go():
    """Let waiting rules go on after each test."""
    rules.asked.clear()
    rules.go_on.clear()
    rules.threads.clear()
    yield
    rules.go_on.set()


def rule(settings, name):
    settings.PROGRESS_PERMISSION = f"tests.access.rules.{name}"


async def was_asked():
    assert await asyncio.to_thread(rules.asked.wait, 10)


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("name", ["raising", "raising_async"])
async def test_a_rule_that_raises_denies_access(settings, people, task, door, name):
    rule(settings, name)
    visitor = await Visitor.signed_in(people.member, OWN)
    assert (await door.ask(visitor, task, "nonsense")).word == "undecided"


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("name", ["hanging", "hanging_async"])
async def test_a_rule_that_hangs_denies_access(settings, monkeypatch, people, task, door, name):
    monkeypatch.setattr(access_rules, "RULE_TIMEOUT", 0.2)
    rule(settings, name)
    visitor = await Visitor.signed_in(people.member, OWN)
    try:
        assert (await door.ask(visitor, task, "nonsense")).word == "undecided"
    finally:
        rules.go_on.set()


@pytest.mark.parametrize("door", **named(DOORS))
@pytest.mark.parametrize("name", ["nothing", "denied", "absent"])
async def test_a_rule_may_deny_by_raising_or_by_none(settings, people, task, door, name):
    rule(settings, name)
    visitor = await Visitor.signed_in(people.member, OWN)
    assert (await door.ask(visitor, task, "nonsense")).word == "forbidden"


@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_a_rule_that_breaks_later_closes_the_connection_for_now(
    settings, stack, people, task, door
):
    rule(settings, "same_group")
    visitor = await Visitor.signed_in(people.member, OWN)
    socket = await opened(door, stack, visitor, task, "nonsense")
    rule(settings, "raising")
    recheck()
    await closes(socket, task, "undecided")


@pytest.mark.parametrize("door", **named([*SOCKETS, StreamDoor()]))
async def test_allowed_tasks_stay_watched_while_the_rule_fails(
    settings, monkeypatch, people, task, door
):
    """For example while the database is away; but only for TRUSTED_FOR seconds."""
    monkeypatch.setattr(rechecks, "RECHECK_AFTER", 0.1)
    rule(settings, "same_group")
    visitor = await Visitor.signed_in(people.member, OWN)
    async with watching(door, visitor, task) as ended:
        failing = mock.Mock(side_effect=OperationalError("the database is away"))
        settings.PROGRESS_PERMISSION = failing
        async with asyncio.timeout(10):
            while failing.call_count < 2:
                await asyncio.sleep(0.01)
        assert not ended.done()
        monkeypatch.setattr(connections, "TRUSTED_FOR", 0.5)
        await asyncio.wait_for(ended, 10)


@asynccontextmanager
async def watching(door, visitor, task):
    """Watch the task, and yield a future that is done when the connection has ended."""
    if isinstance(door, StreamDoor):
        response = await visitor.client.get(f"/progress/{task}/events", {"token": "nonsense"})
        told = events(response)
        await anext(told)
        yield asyncio.ensure_future(anext(told, None))
    else:
        async with door.open(visitor, task, "nonsense") as socket:
            assert (await socket.answer()).word == "allowed"
            yield asyncio.ensure_future(socket.until("undecided"))


@pytest.mark.parametrize("name", ["signed_in_async", "signed_in_object"])
@pytest.mark.parametrize("door", **named(DOORS))
async def test_an_async_rule_can_read_the_user(settings, people, task, door, name):
    rule(settings, name)
    visitor = await Visitor.signed_in(people.member, OWN)
    assert (await door.ask(visitor, task, "nonsense")).word == "allowed"
    assert (await door.ask(Visitor(OWN), task, "nonsense")).word == "forbidden"


async def test_an_async_rule_that_ignores_the_user_needs_no_database(settings, monkeypatch, task):
    async def everybody(who, task_id, action):
        return True

    settings.PROGRESS_PERMISSION = everybody
    monkeypatch.setattr(Asker, "user", mock.PropertyMock(side_effect=OperationalError))
    assert (await SOCKETS[0].ask(Visitor(OWN), task, "nonsense")).word == "allowed"


@pytest.mark.parametrize(
    ("name", "many", "limit"), [("taking_its_time", 40, 0.3), ("taking_its_time_async", 120, 1.5)]
)
async def test_rechecking_many_connections_closes_no_allowed_connection(
    settings,
    monkeypatch,
    stack,
    people,
    task,
    name,
    many,
    limit,
):
    """The time limit of a rule counts from its start, and 20 rechecks run at once.

    Twenty wait 0.5 s for four threads, or 0.4 s for the one thread of async views; all 120 would
    wait 2.4 s for that.
    """
    rule(settings, name)
    sockets = [await opened(SOCKETS[0], stack, Visitor(OWN), task, None) for _ in range(many)]
    monkeypatch.setattr(access_rules, "RULE_TIMEOUT", limit)
    rules.threads.clear()
    recheck()
    async with asyncio.timeout(10):
        while len(rules.threads) < len(sockets):
            await asyncio.sleep(0.01)
    for socket in sockets:
        await stays(socket, task)


async def test_a_recheck_that_hangs_does_not_delay_other_rechecks(
    settings,
    stack,
    people,
    task,
):
    rule(settings, "held")
    rules.go_on.set()
    await news("held")
    visitor = await Visitor.signed_in(people.member, OWN)
    held = await opened(SOCKETS[0], stack, visitor, "held", None)
    other = await opened(SOCKETS[0], stack, visitor, task, None)
    rules.go_on.clear()
    rules.asked.clear()
    await people.team.adelete()
    recheck(task="held")
    await was_asked()
    recheck(task=task)
    await closes(other, task)
    rules.go_on.set()
    await held.until("ended")


async def test_a_slow_rule_does_not_delay_events_of_other_watchers(settings, stack, people, task):
    rule(settings, "slow")
    visitor = await Visitor.signed_in(people.member, OWN)
    socket = await opened(SOCKETS[0], stack, visitor, task, None)
    async with SOCKETS[0].open(visitor, "slow", None) as slow:
        await was_asked()
        began = time.monotonic()
        await sync_to_async(list)([])  # the thread of Django's async views is free
        await stays(socket, task)
        assert time.monotonic() - began < 1
        assert slow.output_queue.empty()
        rules.go_on.set()
        assert (await slow.answer()).word == "allowed"


@pytest.mark.parametrize("door", **named(DOORS))
async def test_rules_run_in_threads_of_their_own(settings, people, task, door):
    rule(settings, "noting")
    assert (await door.ask(Visitor(OWN), task, "nonsense")).word == "allowed"
    assert {name.rpartition("_")[0] for name in rules.threads} == {"progress-access"}


@pytest.mark.parametrize("change", ["logged-out", "recheck-for-the-user", "recheck-for-the-task"])
async def test_a_right_that_ends_while_the_rule_runs_is_not_granted(
    settings, stack, people, task, change
):
    """The rule read the old right, and answers yes after the right has ended."""
    rule(settings, "held")
    visitor = await Visitor.signed_in(people.member, OWN)
    witness = await opened(SOCKETS[0], stack, visitor, task, None)
    async with SOCKETS[0].open(visitor, "held", None) as socket:
        await was_asked()
        if change == "logged-out":
            await logged_out(visitor, people)
        else:
            await people.team.adelete()
            recheck(**({"user": people.member} if "user" in change else {"task": "held"}))
            recheck(task=task)
        await witness.until("ended", within=WITHIN)
        rules.go_on.set()
        assert (await socket.answer()).word == "forbidden"
        await socket.hears_nothing_of("held")


async def test_a_recheck_reads_the_user_again_even_while_another_check_runs(
    settings,
    stack,
    people,
    task,
):
    settings.AUTHENTICATION_BACKENDS = ["tests.access.rules.LateBackend"]
    rule(settings, "signed_in")
    visitor = await Visitor.signed_in(people.member, OWN)
    socket = await opened(SOCKETS[0], stack, visitor, task, None)
    rules.LateBackend.armed = True
    recheck()
    await was_asked()
    people.member.is_active = False
    await people.member.asave()
    await socket.until("ended", within=WITHIN)
    rules.go_on.set()


async def test_a_task_unsubscribed_while_the_rule_runs_stays_unsubscribed(
    settings, stack, people, task
):
    rule(settings, "held")
    await news("held")
    rules.go_on.set()
    visitor = await Visitor.signed_in(people.member, OWN)
    socket = await opened(SOCKETS[0], stack, visitor, "held", None)
    await socket.subscribe(task, make_token(task))
    await socket.until("allowed")
    rules.go_on.clear()
    rules.asked.clear()
    await people.team.adelete()
    recheck(task="held")
    await was_asked()
    await socket.send_to(text_data='{"type": "unsubscribe", "task_id": "held"}')
    await socket.send_to(text_data="nonsense")
    assert (await socket.until("bad_request")).word
    rules.go_on.set()
    # Of the one that was left nothing more is said; the other was the last right.
    assert (await socket.until("forbidden", "ended", within=WITHIN)).word == "ended"
    assert "held" not in Hub.current()._topics
