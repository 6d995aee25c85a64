"""The servers and workers that a batch of lives runs on, and what the weather does to them."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import redis.asyncio
from django.conf import settings as django_settings

from progress import conf
from progress.layers import redis_layer
from progress.reporting import current
from tests.lifecycle.lives import HEARTBEAT, POOLS
from tests.support.parts import Server, Web, Worker, settings
from tests.support.ports import listens
from tests.support.processes import ROOT, Part

SIZES = {"prefork": 6, "threads": 12, "solo": 1, "gevent": 40, "eventlet": 40}
LOSSY = {"worker killed", "worker frozen", "worker cold", "queue purged", "short retention"}
RETENTION = 3.0  # seconds, where outcomes are kept that short
AHEAD = 4.0  # seconds that the workers' clocks are ahead, where they are; the progress allows 5
LOST_AFTER = 8.0  # seconds, where workers are killed


def python(celery):
    """The interpreter that has that version of Celery."""
    own = Path(sys.executable)
    found = own if celery == "5.7" else ROOT / ".venv" / f"celery-{celery}" / "bin" / "python"
    if not found.exists():
        raise SystemExit(f"There is no {found}: run make .venv/.celery-{celery}")
    return found


class LifeWorker(Worker):
    """A worker of the lives' application that takes one queue."""

    def __init__(self, folder, *, pool, celery, env):
        options = ["-c", str(SIZES[pool]), "-Q", pool]
        env = dict(env)
        broker = env.pop("TEST_BROKER_URL")
        super().__init__(
            folder, broker=broker, env=env, pool=pool, options=options, name=f"worker-{pool}"
        )
        program = self._command
        program[0] = str(python(celery))
        program[program.index("tests.support.celery")] = "tests.lifecycle.tasks"

    def begin(self):
        """Start without waiting; `ready` waits."""
        self._seen = self.log.stat().st_size if self.log.exists() else 0
        Part.start(self)

    def ready(self):
        self.wait_for(lambda: b" ready." in self.log.read_bytes()[self._seen :])


class LifeWeb(Web):
    def begin(self):
        Part.start(self)

    def ready(self):
        self.wait_for(lambda: listens(self.port))


class Servers:
    """Store and broker of this process; always on the same ports, so that settings stay true."""

    def __init__(self, folder):
        self.store, self.broker = Server(folder), Server(folder)
        os.environ["TEST_BROKER_URL"] = self.broker.url()
        os.environ["TEST_NOTES_URL"] = self.broker.url(3)
        django_settings.PROGRESS_REDIS_URL = self.store.url()
        django_settings.CHANNEL_LAYERS = {"default": redis_layer(self.store.url())}
        conf.redis_url.forget()


class Stack:
    """All parts of one batch, as a context."""

    def __init__(self, folder, servers, *, celery="5.7", pools=POOLS, weather="fair"):
        self.celery, self.weather = celery, weather
        self.store, self.broker = servers.store, servers.broker
        values = {
            "HEARTBEAT": HEARTBEAT,
            "STALLED_AFTER": 1.6,
            "LOST_AFTER": LOST_AFTER if weather in LOSSY else 3600.0,
            "RETENTION": RETENTION if weather == "short retention" else 86400.0,
            "RECONCILE": 1.0,
            "SUBSCRIPTIONS": 10000,
            "FRAME_RATE": 2000,
            "FIRST_FRAME": 60,
        }
        env = {
            "TEST_REDIS_URL": self.store.url(),
            "TEST_LAYER_URL": self.store.url(),
            "TEST_BROKER_URL": self.broker.url(),
            "TEST_NOTES_URL": self.broker.url(3),
            **settings(**values),
        }
        ahead = {"TEST_CLOCK_AHEAD": AHEAD} if weather == "clock ahead" else {}
        self.web = LifeWeb(folder, env=env, name="web", module="tests.lifecycle.site")
        self.workers = {
            pool: LifeWorker(folder, pool=pool, celery=celery, env=env | ahead) for pool in pools
        }
        self.killed = []  # before and after each worker was killed, by the clock on the wall
        self.cold = []  # when the workers were told to end at once, and when each had ended
        self.purged = []
        self.raged = []  # (from when, to when) the weather was bad
        self.emptied = []  # (of when what the store kept is, when it came back)

    def __enter__(self):
        try:
            self._start()
        except BaseException:  # also when it is interrupted
            self.__exit__()
            raise
        return self

    def _start(self):
        self.store.start()
        self.broker.start()
        parts = [self.web, *self.workers.values()]
        for part in parts:
            part.begin()
        for part in parts:
            part.ready()

    def __exit__(self, *_):
        current.close()
        for part in [*self.workers.values(), self.web, self.broker, self.store]:
            if part.process is not None:
                part.signal(signal.SIGCONT)
                part.kill()

    def notes(self):
        return self._reader(db=3)

    def record(self):
        """A client of Celery's result backend."""
        return self._reader(db=0)

    def _reader(self, db):
        """A client that waits for as long as nothing comes."""
        return redis.asyncio.Redis(
            port=self.broker.port, db=db, decode_responses=True, socket_timeout=None
        )

    # What the weather does; each blocks.

    def start_workers(self):
        for worker in self.workers.values():
            worker.begin()
        for worker in self.workers.values():
            worker.ready()

    def unacked(self, task_id=None):
        """The tags of the messages that were delivered and not acknowledged."""
        with self.broker.client() as client:
            found = client.hgetall("unacked")
        return [
            tag
            for tag, text in found.items()
            if task_id is None or json.loads(text)[0]["headers"]["id"] == task_id
        ]

    def restore(self, tags):
        """Bring messages back, by the code that does it after the visibility timeout."""
        from tests.lifecycle.tasks import app

        with app.connection_for_write() as connection:
            for tag in tags:
                connection.default_channel.qos.restore_by_tag(tag)

    @contextmanager
    def visible_again(self, seconds):
        """Bring back what was not acknowledged within that time, as any worker does."""
        from tests.lifecycle.tasks import app

        with app.connection_for_write(transport_options={"visibility_timeout": seconds}) as one:
            yield lambda: one.default_channel.qos.restore_visible(num=100, interval=1)

    def purge(self):
        """Lose what waits for a worker."""
        with self.broker.client() as client:
            client.delete(*self.workers)

    def end_workers(self, number, ended=None):
        """Send all workers this signal, and wait for each; ``ended`` gets the times."""
        for worker in self.workers.values():
            os.kill(worker.process.pid, number)
        for worker in self.workers.values():
            try:
                worker.process.wait(10)
            except subprocess.TimeoutExpired:  # Celery 5.6's solo worker may hang in it
                worker.kill()
            if ended is not None:  # until now it may have taken tasks
                ended.append(time.time())


def facts(stack):
    """What a judge has to know of a batch."""
    return SimpleNamespace(
        killed=stack.killed,
        cold=stack.cold,
        purged=stack.purged,
        raged=stack.raged,
        emptied=stack.emptied,
        celery=stack.celery,
        weather=stack.weather,
        copies=stack.weather == "visibility timeout",
    )
