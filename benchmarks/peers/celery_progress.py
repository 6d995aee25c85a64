"""celery-progress by its documentation, in an environment of its own that `make bench` makes.

This file also runs in that environment, and makes calls as its standard input asks: see ``Peer``.
"""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv/peers/bin/python"
WITHIN = 60  # seconds for one answer
TASK = "benchmark"


def found():
    """The path of the peers' Python. Exits with a remedy if it is missing."""
    if not PYTHON.exists():
        raise SystemExit("The peers are not installed: `make bench` installs them")
    return str(PYTHON)


class Peer:
    """A process with celery-progress; it starts and ends with the ``with`` block."""

    def __init__(self, url):
        self._env = {**os.environ, "BENCH_REDIS": url, "PYTHONPATH": str(ROOT)}

    def __enter__(self):
        command = [found(), "-m", "benchmarks.peers.celery_progress"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, env=self._env, cwd=ROOT, **pipes)
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def seconds(self, name, calls):
        """Seconds that so many calls took there: ``polling``, ``websocket`` or ``asked``."""
        self._process.stdin.write(f"{name} {calls}\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], WITHIN)[0]:
            raise SystemExit(f"celery-progress did not do {calls} {name} calls in {WITHIN} s")
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("celery-progress ended: what it said is above")
        return json.loads(answer)


def configured():
    """Celery and Django as celery-progress' documentation has them, with results on Redis."""
    import django
    from celery import Celery
    from django.conf import settings

    url = os.environ["BENCH_REDIS"]
    layer = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [url]}}
    settings.configure(
        CHANNEL_LAYERS={"default": layer},
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["celery_progress"],
        ROOT_URLCONF="celery_progress.urls",
    )
    django.setup()
    return Celery("peer", broker=url, backend=url)


def application():
    """celery-progress' views and its consumer, for a web server in its environment."""
    from channels.routing import ProtocolTypeRouter, URLRouter
    from django.core.asgi import get_asgi_application

    configured().set_default()
    from celery_progress.websockets.routing import urlpatterns

    pages = get_asgi_application()
    return ProtocolTypeRouter({"http": pages, "websocket": URLRouter(urlpatterns)})


def calls(app):
    """The calls that are timed, by name."""
    from celery_progress.backend import Progress, ProgressRecorder
    from celery_progress.websockets.backend import WebSocketProgressRecorder

    task = app.task(name="count", bind=True)(nothing)
    task.push_request(id=TASK)
    polling, websocket = ProgressRecorder(task), WebSocketProgressRecorder(task)
    return {
        "polling": lambda number: polling.set_progress(number, 100_000, "Importing"),
        "websocket": lambda number: websocket.set_progress(number, 100_000, "Importing"),
        "asked": lambda _: Progress(app.AsyncResult(TASK)).get_info(),
    }


def nothing(_task):
    """The task that reports."""


def main():
    """Make the calls that each line asks for, and print the seconds they took."""
    known = calls(configured())
    for line in sys.stdin:
        name, count = line.split()
        call, began = known[name], time.perf_counter()
        for number in range(int(count)):
            call(number)
        print(json.dumps(time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
