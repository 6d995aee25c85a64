"""A site that a test breaks: its parts, its watchers, and the time since the fault."""

import asyncio
import random
import time
from uuid import uuid4

import pytest
from celery import Celery

from tests.support.parts import Server, Silence, Web, Worker, settings
from tests.support.proxy import Proxy
from tests.support.watchers import Pulse, RemoteWatcher, connected


class Scenario:
    """A Redis server for the store, one for the broker, and the web servers and workers of a row.

    The broker has a server of its own, so that a fault of the store does not stop Celery.
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
        """The environment of a part: the URLs of store and layer, and PROGRESS_ settings."""
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
        """Start a worker. ``env`` adds to its environment; the rest is as in ``Worker``."""
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
        """Start a web server. ``values`` are settings and arguments of ``env``."""
        self.without += without.split()
        env = self.env(port=port, **values)
        env["TEST_BROKER_URL"] = self.broker.url()
        return self.stack.enter_context(Web(self.folder, env=env, name=name, without=without))

    def silence(self, total, seconds):
        """Start a process that takes the steps of ``count`` and reports nothing."""
        return self.stack.enter_context(Silence(self.folder, total, seconds))

    async def proxy(self, port, kind=Proxy):
        """Start a proxy in front of that port."""
        return await self.stack.enter_async_context(kind(port).running())

    def start(self, name, *arguments, task_id=None, **options):
        """Start a task of ``tests.support.celery`` and return its id.

        This process itself publishes nothing.
        """
        task_id = task_id or str(uuid4())
        name = f"tests.support.celery.{name}"
        self.celery.send_task(name, arguments, task_id=task_id, queue="tests", **options)
        return task_id

    async def begin(self, name, *arguments, web, count=3):
        """Start a task once its watchers are connected; return its id and the watchers.

        So a fault comes in the middle of a short task, however long the watchers take to connect
        on a busy machine.
        """
        task_id = str(uuid4())
        watchers = self.watch(task_id, web, count=count)
        await connected(watchers)
        self.start(name, *arguments, task_id=task_id)
        return task_id, watchers

    def watch(self, task_id, *webs, count=3, port=None):
        """Start watchers of the task; each knows the addresses of all these web servers."""
        urls = [web.url(task_id, port) for web in webs]
        watchers = [RemoteWatcher(*urls, seed=random.random()) for _ in range(count)]
        self.watchers += watchers
        return watchers

    async def pulse(self, web):
        """Measure from now on how long the server's event loop stands still."""
        return await self.stack.enter_async_context(Pulse(web).beating())

    def close(self):
        self.celery.close()

    def fault(self):
        """Start the clock of the row."""
        self._fault_at = time.monotonic()

    def passed(self):
        """Stop the clock: what the row demands has happened."""
        self.took = time.monotonic() - self._fault_at

    async def everybody(self, watchers, condition, *, within):
        """Wait until each watcher sees an event that fulfils the condition; return these events.

        Raises TimeoutError ``within`` seconds after the fault.
        """
        left = within - (time.monotonic() - self._fault_at)
        seen = await asyncio.gather(*(each.until(condition, within=left) for each in watchers))
        self.passed()
        return seen

    async def outcome(self, watchers, *, within):
        """Wait until all watchers have seen the same outcome, and check everything they saw.

        Raises TimeoutError ``within`` seconds after the fault.
        """
        left = within - (time.monotonic() - self._fault_at)
        outcomes = await asyncio.gather(*(each.outcome(within=left) for each in watchers))
        self.passed()
        assert len({(end["state"], end["version"]) for end in outcomes}) == 1
        for watcher in watchers:
            watcher.check()
        return outcomes[0]

    async def outcomes(self, groups, *, within):
        """Do the same for several tasks; each has its group of watchers."""
        return await asyncio.gather(*(self.outcome(group, within=within) for group in groups))

    async def breaks(self, *groups, within):
        """For a twin: check that a watcher misses the outcome ``within`` seconds of the fault."""
        with pytest.raises(TimeoutError):
            await self.outcomes(groups, within=within)
        self.took = None


def serve(scenario, server="daphne", *, name="web", env=None, values=None, **more):
    """Start a web server of that kind for the scenario.

    ``values`` are PROGRESS_ settings, ``env`` adds to its environment, ``more`` goes to ``Web``.
    """
    env = {
        "TEST_BROKER_URL": scenario.broker.url(),
        **scenario.env(**(values or {})),
        **(env or {}),
    }
    web = Web(scenario.folder, env=env, name=name, server=server, **more)
    return scenario.stack.enter_context(web)
