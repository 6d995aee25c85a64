"""Two web processes with one database: what ends in one closes the sockets of the other."""

import asyncio
import json
import re
import subprocess
import sys
from contextlib import ExitStack, suppress
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import websockets

from progress import make_token
from tests.support.parts import ROOT, Server, Web

WITHIN = 2  # seconds
MANAGE = [sys.executable, "-m", "django"]


class Site:
    """A store, a database file with a user in it, and two Daphnes that log what they can."""

    def __init__(self, stack, folder, **values):
        self.folder = folder
        self.store = stack.enter_context(Server(folder))
        self.env = {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_DATABASE": str(folder / "site.sqlite3"),
            "TEST_REDIS_URL": self.store.url(),
            "TEST_BROKER_URL": self.store.url(1),
            "TEST_SETTINGS": json.dumps({"ROOT_URLCONF": "tests.access.site", **values}),
        }
        self.manage("migrate", "-v", "0")
        self.shell("User.objects.create_user('owner', password='1')")
        self.webs = [
            stack.enter_context(Web(folder, env=self.env, name=name, options=["-v", "2"]))
            for name in ("first", "second")
        ]

    def manage(self, *words):
        env = {"PATH": "", **self.env}
        return subprocess.run(
            [*MANAGE, *words], cwd=ROOT, env=env, check=True, capture_output=True, text=True
        ).stdout

    def restart(self, **values):
        """The first server again, with other settings."""
        web = self.webs[0]
        web.kill()
        settings = {**json.loads(self.env["TEST_SETTINGS"]), **values}
        web._env["TEST_SETTINGS"] = json.dumps(settings)
        web.start()
        return web

    def shell(self, code):
        """Run in a process that ends right after."""
        words = "from django.contrib.auth.models import User; from progress import make_token; "
        return self.manage("shell", "-v", "0", "-c", words + code)

    def token(self):
        """For task-1, bound to the user, made by the site."""
        code = "print(make_token('task-1', User.objects.get(), lifetime=600))"
        return self.shell(code).split()[-1]

    def get(self, web, path, cookie=""):
        """Have the server do what the address is for; the cookies it sets."""
        url = f"http://127.0.0.1:{web.port}{path}"
        with urlopen(Request(url, headers={"Cookie": cookie}), timeout=10) as response:
            return "; ".join(re.findall(r"sessionid=\w+", str(response.headers)))

    def watch(self, web, token, cookie=None):
        """A page's websocket, or with no cookie a script's."""
        origin = f"http://127.0.0.1:{web.port}" if cookie is not None else None
        headers = {"Cookie": cookie} if cookie else {}
        url = f"ws://127.0.0.1:{web.port}/ws/progress/task-1/?{urlencode({'token': token})}"
        return websockets.connect(url, origin=origin, additional_headers=headers)

    def check_logs(self, *secrets):
        """No log has them."""
        for web in self.webs:
            text = web.log.read_text()
            assert "/ws/progress/task-1/" in text
            for secret in secrets:
                assert secret not in text, web.log


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with ExitStack() as stack:
        yield Site(stack, tmp_path_factory.mktemp("site"))


async def code_within(socket, seconds=WITHIN):
    """The close code, which comes in time and after which nothing does."""
    async with asyncio.timeout(seconds):
        with suppress(websockets.ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code


def reset(site):
    """The user as in the beginning."""
    site.shell(
        "u = User.objects.filter(username='owner').first() or User(username='owner'); "
        "u.is_active = True; u.set_password('1'); u.save()"
    )


BY_VIEW = ["logout", "logout-sync", "password", "deactivate", "delete"]


@pytest.mark.parametrize("change", BY_VIEW)
async def test_what_ends_in_one_process_closes_the_others_sockets(site, change):
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


async def test_a_command_that_ends_at_once_has_told_all_the_same(site):
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


async def test_a_rule_of_no_processes_own_is_asked_again_by_recheck(site):
    await asyncio.to_thread(reset, site)
    token = await asyncio.to_thread(site.token)
    async with site.watch(site.webs[1], token) as socket:
        assert json.loads(await socket.recv())["task_id"] == "task-1"
        change = "from progress import recheck; User.objects.update(is_active=False); recheck()"
        await asyncio.to_thread(site.shell, change)
        assert await code_within(socket) == 4401


async def test_bad_tokens_are_in_no_log(site):
    for token in (make_token("task-1"), make_token("task-1", lifetime=1), "x" * 40):
        bad = token[:-1]
        async with site.watch(site.webs[0], bad) as one, site.watch(site.webs[1], bad) as two:
            assert await code_within(one, 10) == await code_within(two, 10) == 4403
        site.check_logs(bad)
