"""A site of real parts, and tasks that do what a test says."""

from uuid import uuid4

import redis
from celery import Celery

from progress import make_token
from tests.support.parts import Server, Web, Worker

TASKS = "tests.engines.tasks"
CHILDREN = 6  # tasks that the worker runs at once


class Site:
    """A Valkey server, a worker and a web server."""

    def __init__(self, stack, folder):
        self._stack = stack
        self._folder = folder
        self.store = stack.enter_context(Server(folder))
        self.broker = self.store.url(1)
        self.env = {
            "TEST_REDIS_URL": self.store.url(),
            "TEST_SETTINGS": '{"ROOT_URLCONF": "tests.engines.urls"}',
        }
        self.worker(options=("-c", CHILDREN))
        self.web = stack.enter_context(
            Web(folder, env={**self.env, "TEST_BROKER_URL": self.broker})
        )
        self.words = stack.enter_context(redis.Redis.from_url(self.broker))
        self.celery = Celery(broker=self.broker, set_as_current=False)
        stack.callback(self.celery.close)

    def worker(self, **options):
        """Start another worker; ``options`` are those of ``Worker``."""
        worker = Worker(self._folder, broker=self.broker, env=self.env, app=TASKS, **options)
        return self._stack.enter_context(worker)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.web.port}"

    def restart(self):
        """Kill the web server, and start it again on the same port."""
        self.web.kill()
        self.web.start()

    def start(self):
        """Start a task of 100 steps; return what makes it move."""
        job = Job(self, str(uuid4()))
        self.celery.send_task(f"{TASKS}.follow", task_id=job.id, queue="tests")
        return job


class Job:
    """A running task."""

    def __init__(self, site, task_id):
        self.id = task_id
        self.attributes = {
            "task-id": task_id,
            "token": make_token(task_id),
            "status": f"/progress/{task_id}/",
        }
        self._site = site

    def say(self, word):
        """Make the task report a number of steps, or end with "success" or "failure"."""
        self._site.words.rpush(f"words:{self.id}", word)
