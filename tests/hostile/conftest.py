"""Both web servers with their recommended options, and what must hold whatever is sent."""

import json
import re
import sys
from contextlib import ExitStack, contextmanager

import pytest

from progress.events import Event, State
from progress.layers import redis_layer
from tests.hostile.bystander import Bystander
from tests.support.parts import Server, Web
from tests.support.processes import Part

#: Options by docs/security.md.
SERVERS = {"daphne": (), "uvicorn": ("--ws-per-message-deflate", "false")}
#: Limits that a test can reach.
STRICT = {
    "PROGRESS_FRAME_RATE": 5,
    "PROGRESS_PERMISSION": "tests.hostile.asgi.may",
    "PROGRESS_SOCKETS_PER_ADDRESS": 4,
    "PROGRESS_SOCKETS_PER_USER": 2,
    "PROGRESS_SUBSCRIPTIONS": 3,
    # No sessions: the application around ours names the user.
    "INSTALLED_APPS": ["progress"],
    "MIDDLEWARE": [],
}
#: Limits in seconds and per second, for a server of their own: tests of other limits would reach
#: them, too, on a slow machine or by opening many sockets.
IMPATIENT = {"PROGRESS_FIRST_FRAME": 1.0, "PROGRESS_HANDSHAKE_RATE": 10}
COMPLAINTS = (b"Traceback", b"ERROR", b"Exception", b"Unhandled", b"Internal Server Error")
#: uvicorn 0.54 logs this for text that is not UTF-8 before the application is called, and closes
#: with 1007. One test in `test_wire` expects it; all others ignore it.
UVICORNS = re.compile(rb"ERROR: +Invalid UTF-8 sequence.*?UnicodeDecodeError[^\n]*", re.DOTALL)


class Ground:
    """A store, a task that reports, and web servers, each started at its first use."""

    def __init__(self, stack, folder):
        self._stack = stack
        self._folder = folder
        self._webs = {}
        self.store = stack.enter_context(Server(folder))
        self.env = {
            "TEST_REDIS_URL": self.store.url(),
            "TEST_BROKER_URL": self.store.url(1),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        }
        command = [sys.executable, "-m", "tests.hostile.reporter"]
        stack.enter_context(Part(folder, "reporter", command, **self.env))

    def web(self, server, **values):
        """A web server with these settings, and the bystander there."""
        key = server, *values
        if key not in self._webs:
            more = {"options": SERVERS[server], "module": "tests.hostile.asgi", "server": server}
            env = {**self.env, "TEST_SETTINGS": json.dumps(values)}
            name = f"{server}-{len(self._webs)}"
            web = self._stack.enter_context(Web(self._folder, env=env, name=name, **more))
            bystander = Bystander(web)
            self._stack.callback(bystander.leave)
            self._webs[key] = web, bystander
        return self._webs[key]

    def put(self, task_id, state=State.PENDING, **more):
        """Store an event of the task."""
        event = Event(task_id=task_id, state=state, version=1, **more)
        self.write(task_id, event.text())

    def write(self, task_id, text):
        """Store this text as the task's event."""
        with self.store.client() as client:
            client.set(f"progress:event:{task_id}", text)


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    with ExitStack() as stack:
        yield Ground(stack, tmp_path_factory.mktemp("hostile"))


@contextmanager
def unharmed(web, bystander):
    """Check that the bystander notices nothing and the server logs no error."""
    said = web.log.stat().st_size
    bystander.begin()
    yield web
    bystander.check()
    lines = UVICORNS.sub(b"", web.log.read_bytes()[said:])
    assert not any(words in lines for words in COMPLAINTS), lines.decode(errors="replace")


@pytest.fixture(params=SERVERS)
def web(request, ground):
    """A server with the default limits."""
    with unharmed(*ground.web(request.param)) as web:
        yield web


@pytest.fixture(params=SERVERS)
def strict(request, ground):
    """A server with low limits; each test connects from an address of its own."""
    with unharmed(*ground.web(request.param, **STRICT)) as web:
        yield web


@pytest.fixture(params=SERVERS)
def impatient(request, ground):
    """A server that waits one second for a first frame and accepts 10 handshakes a second."""
    with unharmed(*ground.web(request.param, **IMPATIENT)) as web:
        yield web


@pytest.fixture
def publishes(ground, settings):
    """Publish from this process to these servers."""
    settings.PROGRESS_REDIS_URL = ground.store.url()
    settings.CHANNEL_LAYERS = {"default": redis_layer(ground.store.url())}
