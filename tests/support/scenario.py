"""The parts of a site that a test breaks, and the clock of what must hold then."""

import asyncio
import random
import time
from uuid import uuid4

import pytest
from celery import Celery

from tests.support.parts import Server, Silence, Web, Worker, settings
from tests.support.proxy import Proxy
from tests.support.watchers import Pulse, RemoteWatcher


class Scenario:
    """A store, a broker besides it, a web server and a worker, as the row asks for them.

    The broker has a server of its own, so that a fault of the store is no fault of Celery's.
    """

    def __init__(self, stack, folder):
        self.stack = stack
        self.folder = folder
        self.store = stack.enter_context(Server(folder))
        self.broker = stack.enter_context(Server(folder))
        self.watchers = []
        self.without = []  # the mitigations that are switched off
        self.celery = Celery(broker=self.broker.url(), set_as_current=False)
        self._fault_at = None
        self.took = None

    def env(self, *, port=None, layer_port=None, host="127.0.0.1", **values):
        """The environment of a part: where store and layer are, and PROGRESS_ settings."""
        return {
            "TEST_REDIS_URL": self.store.url(port=port, host=host),
            "TEST_LAYER_URL": self.store.url(port=layer_port or port, host=host),
            **settings(**values),
        }

    def worker(
        self,
        *,
        port=None,
        pool="prefork",
        options=("-c", "2"),
        name="worker",
        without=None,
        env=None,
        **values,
    ):
        """``env``: what else the worker's environment has; see ``Worker``."""
        self.without += filter(None, [without])
        worker = Worker(
            self.folder,
            broker=self.broker.url(),
            env={**self.env(port=port, **values), **(env or {})},
            pool=pool,
            options=options,
            name=name,
            without=without,
        )
        return self.stack.enter_context(worker)

    def web(self, *, port=None, name="web", without="", **values):
        """``values``: settings, and what ``env`` takes besides."""
        self.without += without.split()
        env = self.env(port=port, **values)
        env["TEST_BROKER_URL"] = self.broker.url()
        return self.stack.enter_context(Web(self.folder, env=env, name=name, without=without))

    def silence(self, total, seconds):
        """The steps of ``count``, without a word, as a measure."""
        return self.stack.enter_context(Silence(self.folder, total, seconds))

    async def proxy(self, port, kind=Proxy):
        """A proxy before that port."""
        return await self.stack.enter_async_context(kind(port).running())

    def start(self, name, *arguments, task_id=None, **options):
        """Start a task of ``tests.support.celery``; the tests' own process publishes nothing."""
        task_id = task_id or str(uuid4())
        name = f"tests.support.celery.{name}"
        self.celery.send_task(name, arguments, task_id=task_id, queue="tests", **options)
        return task_id

    async def begin(self, name, *arguments, web, count=3):
        """Start a task once its watchers are connected; its id and the watchers.

        A fault that must come in the middle of a short task then does, however long it takes to
        connect on a busy machine.
        """
        task_id = str(uuid4())
        watchers = self.watch(task_id, web, count=count)
        await asyncio.gather(*(each.until(lambda event: event) for each in watchers))
        self.start(name, *arguments, task_id=task_id)
        return task_id, watchers

    def watch(self, task_id, *webs, count=3, port=None):
        """Several watchers of the task, each knowing all the web servers."""
        urls = [web.url(task_id, port) for web in webs]
        watchers = [RemoteWatcher(*urls, seed=random.random()) for _ in range(count)]
        self.watchers += watchers
        return watchers

    async def pulse(self, web):
        """Feel from now on whether the server's event loop runs."""
        return await self.stack.enter_async_context(Pulse(web).beating())

    def close(self):
        self.celery.close()

    def fault(self):
        """The clock of the row starts now."""
        self._fault_at = time.monotonic()

    def passed(self):
        """What the row asks for is there."""
        self.took = time.monotonic() - self._fault_at

    async def everybody(self, watchers, condition, *, within):
        """All see what fulfils the condition in so many seconds from the fault; what they saw."""
        left = within - (time.monotonic() - self._fault_at)
        seen = await asyncio.gather(*(each.until(condition, within=left) for each in watchers))
        self.passed()
        return seen

    async def outcome(self, watchers, *, within):
        """All see the same outcome in so many seconds from the fault, and nothing against it."""
        left = within - (time.monotonic() - self._fault_at)
        outcomes = await asyncio.gather(*(each.outcome(within=left) for each in watchers))
        self.passed()
        assert len({(end["state"], end["version"]) for end in outcomes}) == 1
        for watcher in watchers:
            watcher.check()
        return outcomes[0]

    async def outcomes(self, groups, *, within):
        """The same for the watchers of several tasks, a group each."""
        return await asyncio.gather(*(self.outcome(group, within=within) for group in groups))

    async def breaks(self, *groups, within):
        """A twin's: somebody does not see the outcome in so many seconds from the fault."""
        with pytest.raises(TimeoutError):
            await self.outcomes(groups, within=within)
        self.took = None


def serve(scenario, server="daphne", *, name="web", env=None, values=None, **more):
    """A web server of the scenario, by that program; ``more`` as ``Web`` takes it.

    ``env``: what else its environment has; ``values``: PROGRESS_ settings.
    """
    env = {
        "TEST_BROKER_URL": scenario.broker.url(),
        **scenario.env(**(values or {})),
        **(env or {}),
    }
    web = Web(scenario.folder, env=env, name=name, server=server, **more)
    return scenario.stack.enter_context(web)
