"""A right that ends while a socket is open: it closes within 2 s, and no frame follows."""

import asyncio
import json
import time
from importlib import import_module
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client

from progress import conf, make_token, recheck
from progress.access import tokens
from progress.hub import Hub, rechecks
from progress.layers import groups
from tests.access import rules
from tests.access.changes import (
    SIGNED,
    USERS,
    WITHIN,
    GroupProxy,
    closes,
    hears_changes,
    logged_out,
    opened,
    stays,
)
from tests.access.doors import OWN, SOCKETS, Visitor, named, news

RULE = "tests.access.rules.same_group"
ENGINES = ["db", "cached_db", "cache", "file", "signed_cookies"]


@pytest.fixture
def often(monkeypatch):
    """Recheck each socket every second."""
    monkeypatch.setattr(rechecks, "RECHECK_AFTER", 0.1)


@sync_to_async
def changed_after_an_ask(user, task):
    """Make a change, and let the rule run before its commit, so that it finds the old right."""
    with transaction.atomic():
        user.is_active = False
        user.save()
        rules.threads.clear()
        recheck(task=task)  # heard after what was told before it
        deadline = time.monotonic() + WITHIN
        while not rules.threads and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)  # an ask of its own for the change would be over, too


@pytest.mark.parametrize("door", **named(SOCKETS))
@pytest.mark.parametrize("change", [*SIGNED, *USERS], ids=lambda change: change.__name__)
async def test_a_page_that_loses_its_right_is_closed(stack, people, task, door, change):
    visitor = await Visitor.signed_in(people.member, OWN)
    other = await Visitor.signed_in(people.other, OWN)
    socket = await opened(door, stack, visitor, task, make_token(task, people.member))
    bystander = await opened(door, stack, other, task, make_token(task, people.other))
    await change(visitor, people)
    assert (await socket.until("ended", within=WITHIN)).word == "ended"
    await stays(bystander, task)
    assert socket.output_queue.empty()


@pytest.mark.parametrize("door", **named(SOCKETS))
@pytest.mark.parametrize("change", USERS, ids=lambda change: change.__name__)
async def test_a_script_whose_user_loses_the_right_is_closed(stack, people, task, door, change):
    socket = await opened(door, stack, Visitor(), task, make_token(task, people.member))
    await change(None, people)
    await closes(socket, task)


@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_a_session_that_is_about_to_end_is_ignored(stack, people, task, door):
    """Logout is announced before Django deletes the session, so a recheck may still find it."""
    visitor = await Visitor.signed_in(people.member, OWN)
    socket = await opened(door, stack, visitor, task, make_token(task, people.member))
    Hub.current().rechecks.rights_changed(
        groups.RightsChange(session=groups.session_mark(visitor.cookie))
    )
    await closes(socket, task)


@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_a_script_keeps_watching_when_its_user_signs_out_of_a_page(stack, people, task, door):
    visitor = await Visitor.signed_in(people.member, OWN)
    token = make_token(task, people.member)
    page = await opened(door, stack, visitor, task, token)
    script = await opened(door, stack, Visitor(), task, token)
    await logged_out(visitor, people)
    await page.until("ended", within=WITHIN)
    await stays(script, task)


async def group_left(people):
    await people.member.groups.aremove(people.team)


async def taken_from_the_group(people):
    await people.team.user_set.aremove(people.member)


async def groups_cleared(people):
    await people.member.groups.aclear()


async def group_cleared(people):
    await people.team.user_set.aclear()


async def group_renamed_and_said_for_all(people):
    await Group.objects.aupdate(name="elsewhere")
    recheck()


async def group_renamed_and_said_for_the_user(people):
    await Group.objects.aupdate(name="elsewhere")
    recheck(user=people.member)


async def group_renamed_and_said_for_the_task(people):
    await Group.objects.aupdate(name="elsewhere")
    recheck(task="task-1")


@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_a_change_is_announced_after_its_commit(settings, stack, people, task, door):
    settings.PROGRESS_PERMISSION = "tests.access.rules.noting_signed_in"
    visitor = await Visitor.signed_in(people.member, OWN)
    socket = await opened(door, stack, visitor, task, "nonsense")
    await changed_after_an_ask(people.member, task)
    await closes(socket, task)
    assert rules.threads[0]


GROUPS = [group_left, taken_from_the_group, groups_cleared, group_cleared]
GROUPS += [group_renamed_and_said_for_all, group_renamed_and_said_for_the_user]
GROUPS += [group_renamed_and_said_for_the_task]


@pytest.mark.parametrize("door", **named(SOCKETS))
@pytest.mark.parametrize("change", GROUPS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("rule", ["same_group", "same_group_async"])
async def test_a_page_that_a_site_rule_no_longer_allows_is_closed(
    settings, stack, people, task, door, change, rule
):
    settings.PROGRESS_PERMISSION = f"tests.access.rules.{rule}"
    visitor = await Visitor.signed_in(people.member, OWN)
    socket = await opened(door, stack, visitor, task, "nonsense")
    await change(people)
    # The frame of this door may be asked for only now: then that is what is refused.
    await closes(socket, task, "ended", *(["forbidden"] if door.way == "frame" else []))


@sync_to_async
def group_loses_a_permission(people):
    people.team.permissions.remove(Permission.objects.get(codename="view_group"))


@sync_to_async
def group_loses_all_permissions(people):
    people.team.permissions.clear()


@sync_to_async
def permission_loses_its_groups(people):
    Permission.objects.get(codename="view_group").group_set.clear()


@sync_to_async
def permission_deleted(people):
    Permission.objects.get(codename="view_group").delete()


@sync_to_async
def group_deleted(people):
    people.team.delete()


@sync_to_async
def group_proxy_deleted(people):
    GroupProxy.objects.get(pk=people.team.pk).delete()


HOLDERS = [group_loses_a_permission, group_loses_all_permissions, permission_loses_its_groups]
HOLDERS += [permission_deleted, group_deleted, group_proxy_deleted]


@pytest.mark.parametrize("change", HOLDERS, ids=lambda change: change.__name__)
async def test_removing_a_permission_from_a_group_closes_its_members(
    settings, stack, people, task, change
):
    settings.PROGRESS_PERMISSION = "tests.access.rules.permitted"
    permission = await Permission.objects.aget(codename="view_group")
    await people.team.permissions.aadd(permission)
    visitor = await Visitor.signed_in(people.member, OWN)
    socket = await opened(SOCKETS[0], stack, visitor, task, "nonsense")
    await change(people)
    await closes(socket, task)


async def test_a_change_for_another_user_or_task_rechecks_nobody(settings, stack, people, task):
    settings.PROGRESS_PERMISSION = "tests.access.rules.noting"
    rules.threads.clear()
    socket = await opened(SOCKETS[0], stack, Visitor(OWN), task, None)
    recheck(user=people.other)
    recheck(task="task-2")
    recheck(user=people.other, task=task)
    await stays(socket, task)  # an event that was told after them
    await asyncio.to_thread(time.sleep, 0.2)  # an ask on its way would be over
    assert len(rules.threads) == 1


@sync_to_async
def session_deleted(visitor):
    Session.objects.all().delete()


@sync_to_async
def session_expired(visitor):
    Session.objects.update(expire_date="2001-01-01T00:00Z")


@sync_to_async
def updated_without_a_signal(visitor):
    User.objects.update(is_active=False)


@sync_to_async
def password_updated_without_a_signal(visitor):
    User.objects.update(password="")


SILENT = [session_deleted, session_expired, updated_without_a_signal]
SILENT += [password_updated_without_a_signal]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("door", **named(SOCKETS))
@pytest.mark.parametrize("change", SILENT, ids=lambda change: change.__name__)
async def test_an_unannounced_change_is_found_by_a_recheck(stack, people, task, door, change):
    visitor = await Visitor.signed_in(people.member, OWN)
    socket = await opened(door, stack, visitor, task, make_token(task, people.member))
    await change(visitor)
    await closes(socket, task)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_an_expired_token_closes_its_connection(stack, task, door):
    socket = await opened(door, stack, Visitor(OWN), task, make_token(task, lifetime=1.5))
    await closes(socket, task)


@pytest.mark.usefixtures("often")
async def test_a_token_with_a_lifetime_is_not_renewed(stack, task):
    token = tokens.read_token(make_token(task, lifetime=100))
    assert token._replace(expires=token.born + 1).renewed() is None


def later(seconds):
    """Set the clock of tokens forward by these seconds."""
    now = tokens.time.time() + seconds
    return mock.patch("progress.access.tokens.time.time", return_value=now)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("door", **named(SOCKETS))
async def test_the_token_of_an_open_page_is_renewed(people, task, door):
    visitor = await Visitor.signed_in(people.member, OWN)
    async with door.open(visitor, task, make_token(task, people.member)) as socket:
        with later(5 * 3600):
            frame = await socket.until("token")
    renewed = json.loads(frame.raw["text"])
    assert renewed["task_id"] == task
    with later(12 * 3600):
        assert (await door.ask(visitor, task, renewed["token"])).word == "allowed"
        assert (await door.ask(Visitor(OWN), task, renewed["token"])).word == "forbidden"


async def test_a_token_is_renewed_for_at_most_a_week(task):
    token = tokens.read_token(make_token(task))
    assert token.renewed() is None  # its time has hardly begun
    week = 7 * 86400
    with later(week - 60):
        assert token._replace(expires=token.born + week).renewed()
    with later(week + 60):
        assert token._replace(expires=token.born + week + 120).renewed() is None


async def test_a_socket_with_many_tasks_gets_every_renewed_token(stack, hub):
    ids = [f"task-{number}" for number in range(conf.subscriptions())]
    socket = await stack.enter_async_context(SOCKETS[0].open(Visitor(), ids[0], make_token(ids[0])))
    for task_id in ids[1:]:
        await socket.subscribe(task_id, make_token(task_id))
    async with asyncio.timeout(10):
        while len(hub._topics) < len(ids):
            await asyncio.sleep(0.01)
    await hears_changes()
    with later(5 * 3600):
        recheck()
        renewed = [await socket.until("token") for _ in ids]
    assert {json.loads(each.raw["text"])["task_id"] for each in renewed} == set(ids)


async def test_losing_one_of_two_rights_keeps_the_other_subscription(stack, people, task):
    visitor = await Visitor.signed_in(people.member, OWN)
    door = SOCKETS[0]
    socket = await opened(door, stack, visitor, task, make_token(task, people.member))
    await news("task-2")
    await socket.subscribe("task-2", make_token("task-2"))
    assert (await socket.until("allowed")).word
    await logged_out(visitor, people)
    answer = await socket.until("forbidden", within=WITHIN)
    assert f'"{task}"' in answer.raw["text"]
    await socket.hears_nothing_of(task)
    await stays(socket, "task-2")


@pytest.mark.parametrize("engine", ENGINES)
async def test_logout_closes_sockets_of_every_engine(
    settings, tmp_path, stack, people, task, engine
):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    visitor = await Visitor.signed_in(people.member, OWN)
    token = make_token(task, people.member)
    socket = await opened(SOCKETS[1], stack, visitor, task, token)
    client = Client()
    client.cookies = visitor.client.cookies
    await sync_to_async(client.logout)()
    await closes(socket, task)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_made_up_session_key_is_refused(settings, tmp_path, people, task, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    visitor = Visitor(OWN)
    for cookie in ("a" * 32, "a:b:c", "../../etc/passwd", "é", "x" * 3000):
        visitor.client.cookies["sessionid"] = cookie
        answer = await SOCKETS[0].ask(visitor, task, make_token(task, people.member))
        assert answer.word == "forbidden"


async def test_reading_the_session_does_not_write_it(people, task):
    store = import_module("django.contrib.sessions.backends.db").SessionStore
    visitor = await Visitor.signed_in(people.member, OWN)
    before = await Session.objects.aget()
    assert (await SOCKETS[0].ask(visitor, task, make_token(task, people.member))).word == "allowed"
    after = await Session.objects.aget()
    assert (before.session_data, before.expire_date) == (after.session_data, after.expire_date)
    assert store(visitor.cookie).session_key == after.session_key
