"""A channel layer on several servers: the listener subscribes on each of them, and probes each."""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace

import pytest
from channels.layers import get_channel_layer
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's name

from progress.events import Event, State
from progress.hub import Hub
from progress.hub.outbox import Frames
from progress.layers import groups, listener, redis_layer, subscription
from tests.support.hub import Watched, tell
from tests.support.parts import Server
from tests.support.proxy import Proxy

# redis-py leaves the connections that were cut to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TASKS = [f"task {number}" for number in range(20)]
SERVERS = 3
NEVER = 1e9


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The layer's servers; the store is on the test run's own."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("servers")
        yield [stack.enter_context(Server(folder)) for _ in range(SERVERS)]


@pytest.fixture
async def proxies(servers, redis_url, settings):
    """A layer on all of them, each behind a proxy. The hub does not reconcile."""
    settings.PROGRESS_RECONCILE = NEVER
    async with AsyncExitStack() as stack:
        proxies = [
            await stack.enter_async_context(Proxy(server.port).running()) for server in servers
        ]
        urls = [f"redis://127.0.0.1:{proxy.port}/0" for proxy in proxies]
        settings.CHANNEL_LAYERS = {"default": redis_layer(*urls)}
        yield proxies


async def watch_all(store):
    """Started tasks, watched over connections that work, after the second read of the store."""
    hub, watched = Hub.current(), {}
    for task_id in TASKS:
        watcher = Frames()
        hub.watch(task_id, watcher)
        watched[task_id] = Watched(watcher)
    for task_id, each in watched.items():
        await each.until(lambda event: event.state is State.UNKNOWN)
        await tell(store, Event(task_id=task_id, state=State.STARTED))
        await each.until(lambda event: event.state is State.STARTED)
    return watched


@pytest.fixture
async def watched(proxies, store):
    yield await watch_all(store)
    await Hub.current().aclose()


def joined(server, words):
    """The subscriptions on that server whose names hold the words."""
    with server.client() as client:
        return [name for name in client.pubsub_channels() if words in name]


def on(server):
    """The tasks whose groups are on that server."""
    names = joined(server, "__group__")
    return [id_ for id_ in TASKS if any(name.endswith(groups.group_name(id_)) for name in names)]


async def receives_all_outcomes(store, watched, tasks):
    """Whether outcomes that only the store has arrive: they are read when a listener joined."""
    for task_id in tasks:
        await store.put([replace(watched[task_id].events[-1], state=State.SUCCESS)])
    async with asyncio.timeout(5):
        return all([(await watched[task_id].next()).complete for task_id in tasks])


async def test_groups_are_spread_over_the_servers_and_events_of_all_arrive(servers, watched):
    """``watched`` received an event of each task over the layer."""
    assert sorted(id_ for server in servers for id_ in on(server)) == sorted(TASKS)
    assert all(map(on, servers))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
async def test_each_server_has_one_group_for_probes(count, settings, valkey):
    """Compared with the server on which the layer itself puts each group."""
    urls = [f"redis://127.0.0.1:{valkey.port}/{number}" for number in range(count)]
    settings.CHANNEL_LAYERS = {"default": redis_layer(*urls, prefix="other")}
    layer = get_channel_layer()._get_layer()
    names = groups.echo_group_names()
    shards = {layer._get_shard(layer._get_group_channel_name(name)) for name in names}
    assert len(names) == len(shards) == count


@pytest.mark.parametrize("deaf", range(SERVERS))
async def test_one_deaf_connection_of_several_is_replaced(
    monkeypatch, servers, proxies, store, watched, deaf
):
    monkeypatch.setattr(listener, "ECHO_WITHIN", 0.3)
    monkeypatch.setattr(subscription, "PROBE_INTERVAL", 0.1)
    with proxies[deaf].swallowing():
        assert await receives_all_outcomes(store, watched, on(servers[deaf]))


async def test_one_group_for_all_servers_would_miss_deaf_connections(
    monkeypatch, servers, proxies, store
):
    """The twin: each server needs a group of its own."""
    monkeypatch.setattr(listener, "ECHO_WITHIN", 0.3)
    monkeypatch.setattr(subscription, "PROBE_INTERVAL", 0.1)
    names = groups.echo_group_names
    monkeypatch.setattr(groups, "echo_group_names", lambda: names()[:1])
    watched = await watch_all(store)
    [deaf] = [number for number, server in enumerate(servers) if not joined(server, ".echo.")][:1]
    with proxies[deaf].swallowing(), pytest.raises(TimeoutError):
        await receives_all_outcomes(store, watched, on(servers[deaf]))
    await Hub.current().aclose()


async def test_a_deaf_connection_is_found_while_another_server_is_away(
    monkeypatch, servers, proxies, watched
):
    monkeypatch.setattr(listener, "ECHO_WITHIN", 0.3)
    monkeypatch.setattr(subscription, "PROBE_INTERVAL", NEVER)
    own = Hub.current()._subscription._listener
    servers[1].kill()
    try:
        with pytest.raises(ConnectionError):  # it is away, and the others work
            await own.is_deaf()
        proxies[0].swallow()
        assert await own.is_deaf()
    finally:
        servers[1].start()
