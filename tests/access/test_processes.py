"""Two web processes with one database: a right that ends in one closes sockets in the other."""

import asyncio
import json
from contextlib import ExitStack, suppress

import pytest
import websockets

from progress import make_token
from tests.access.site import Site

WITHIN = 2  # seconds


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with ExitStack() as stack:
        yield Site(stack, tmp_path_factory.mktemp("site"))


async def code_within(socket, seconds=WITHIN):
    """Return the close code; check that it comes in time, and that no frame follows."""
    async with asyncio.timeout(seconds):
        with suppress(websockets.ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code


def reset(site):
    """Restore the user."""
    site.shell(
        "u = User.objects.filter(username='owner').first() or User(username='owner'); "
        "u.is_active = True; u.set_password('1'); u.save()"
    )


BY_VIEW = ["logout", "logout-sync", "password", "deactivate", "delete"]


@pytest.mark.parametrize("change", BY_VIEW)
async def test_a_change_in_one_process_closes_sockets_in_the_other(site, change):
    first, second = site.webs
    await asyncio.to_thread(reset, site)
    cookie = await asyncio.to_thread(site.get, first, "/login/")
    token = await asyncio.to_thread(site.token)
    async with site.watch(second, token, cookie) as page, site.watch(first, token, cookie) as other:
        for socket in (page, other):
            assert json.loads(await socket.recv())["task_id"] == "task-1"
        await asyncio.to_thread(site.get, first, f"/{change}/", cookie)
        assert await code_within(page) == 4401
        assert await code_within(other) == 4401
    async with site.watch(second, token, cookie) as again:
        assert await code_within(again, 10) == 4403
    site.check_logs(token, cookie.partition("=")[2])


async def test_a_command_announces_its_change_before_it_exits(site):
    await asyncio.to_thread(reset, site)
    token = await asyncio.to_thread(site.token)
    async with site.watch(site.webs[0], token) as one, site.watch(site.webs[1], token) as two:
        for socket in (one, two):
            assert json.loads(await socket.recv())["task_id"] == "task-1"
        # Its start takes longer than what is asked for.
        change = "u = User.objects.get(); u.set_password('2'); u.save()"
        await asyncio.to_thread(site.shell, change)
        assert await code_within(one) == 4401
        assert await code_within(two) == 4401
    site.check_logs(token)


async def test_recheck_reaches_the_rules_in_other_processes(site):
    await asyncio.to_thread(reset, site)
    token = await asyncio.to_thread(site.token)
    async with site.watch(site.webs[1], token) as socket:
        assert json.loads(await socket.recv())["task_id"] == "task-1"
        change = "from progress import recheck; User.objects.update(is_active=False); recheck()"
        await asyncio.to_thread(site.shell, change)
        assert await code_within(socket) == 4401


async def test_bad_tokens_are_never_logged(site):
    for token in (make_token("task-1"), make_token("task-1", lifetime=1), "x" * 40):
        bad = token[:-1]
        async with site.watch(site.webs[0], bad) as one, site.watch(site.webs[1], bad) as two:
            assert await code_within(one, 10) == await code_within(two, 10) == 4403
        site.check_logs(bad)
