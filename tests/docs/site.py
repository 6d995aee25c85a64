"""A site as its clients meet it: a store, a worker whose tasks report, and Daphne."""

from urllib.parse import quote
from uuid import uuid4

from celery import Celery
from django.test import RequestFactory

from progress import addresses
from tests.support.parts import Server, Web, Worker, settings


class Site:
    """All its parts run until ``stack`` is closed; ``values`` are PROGRESS_ settings."""

    def __init__(self, stack, folder, **values):
        self.store = stack.enter_context(Server(folder))
        broker = self.store.url(1)
        env = {"TEST_REDIS_URL": self.store.url(), **settings(**values)}
        self.worker = stack.enter_context(Worker(folder, broker=broker, env=env))
        self.web = stack.enter_context(Web(folder, env={**env, "TEST_BROKER_URL": broker}))
        self.url = f"http://127.0.0.1:{self.web.port}"
        self.socket_url = f"ws://127.0.0.1:{self.web.port}/ws/progress/"
        self._celery = stack.enter_context(Celery(broker=broker, set_as_current=False))

    def start(self, name, *arguments, task_id=None, **options):
        """Start a task of ``tests.support.celery``; what the answer to starting it would say."""
        task_id = task_id or str(uuid4())
        self._celery.send_task(
            f"tests.support.celery.{name}", arguments, task_id=task_id, queue="tests", **options
        )
        return self.addresses(task_id)

    def addresses(self, task_id, **options):
        """Where the task can be watched, with a token."""
        request = RequestFactory(HTTP_HOST=f"127.0.0.1:{self.web.port}").get("/")
        return addresses(request, task_id, **options)

    def socket(self, task_id):
        """The websocket of one task, without a token."""
        return f"{self.socket_url}{quote(task_id)}/"
