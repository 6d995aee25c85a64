"""Two web processes with one database, and the requests of a visitor."""

import json
import re
import subprocess
import sys
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import websockets

from tests.support.parts import Server, Web
from tests.support.processes import ROOT

MANAGE = [sys.executable, "-m", "django"]


class Site:
    """A store, a database file with a user, and two Daphnes with verbose logs."""

    def __init__(self, stack, folder, **values):
        self.folder = folder
        self.store = stack.enter_context(Server(folder))
        self.env = {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_DATABASE": str(folder / "site.sqlite3"),
            "TEST_REDIS_URL": self.store.url(),
            "TEST_BROKER_URL": self.store.url(1),
            "TEST_SETTINGS": json.dumps({"ROOT_URLCONF": "tests.access.urls", **values}),
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
