"""A channel layer whose connection silently receives nothing, and how the hub recovers."""

import asyncio
from dataclasses import replace

import pytest

from progress.events import Event, State
from progress.hub import Hub
from progress.hub.outbox import Frames
from progress.layers import groups, listener, receivers, redis_layer, subscription
from progress.layers.receivers import LayerReceiver
from tests.support.hub import Watched, tell
from tests.support.proxy import Proxy

# redis-py leaves the connections that were cut to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

STARTED = Event(task_id="a", state=State.STARTED)
NEVER = 1e9


@pytest.fixture
async def proxied(valkey, redis_url, settings):
    """The channel layer is behind a proxy. The store is not, and the hub does not reconcile."""
    settings.PROGRESS_RECONCILE = NEVER
    async with Proxy(valkey.port).running() as proxy:
        settings.CHANNEL_LAYERS = {"default": redis_layer(f"redis://127.0.0.1:{proxy.port}/0")}
        yield proxy


@pytest.fixture
async def watched(proxied, store):
    """A started task, watched over a connection that works, after its second read of the store."""
    hub = Hub.current()
    watcher = Frames()
    hub.watch("a", watcher)
    watched = Watched(watcher)
    await watched.until(lambda event: event.state is State.UNKNOWN)
    await tell(store, STARTED)
    await watched.until(lambda event: event.state is State.STARTED)
    yield watched
    await hub.aclose()


async def receives_the_outcome(store, watched):
    """Whether an outcome that only the store has arrives: it is read when a listener joined."""
    started = watched.events[-1]
    await store.put([replace(started, state=State.SUCCESS)])
    async with asyncio.timeout(3):
        return (await watched.next()).complete


async def test_a_connection_that_swallows_messages_is_replaced(
    monkeypatch, proxied, store, watched
):
    monkeypatch.setattr(listener, "ECHO_WITHIN", 0.3)
    monkeypatch.setattr(subscription, "PROBE_INTERVAL", 0.1)
    with proxied.swallowing():
        assert await receives_the_outcome(store, watched)


async def test_without_the_probe_it_is_not_replaced(proxied, store, watched):
    """The twin: the scenario above tests the probe."""
    with proxied.swallowing(), pytest.raises(TimeoutError):
        await receives_the_outcome(store, watched)


async def test_events_of_the_time_without_a_connection_are_read_from_the_store(raw, store, watched):
    raw.client_kill_filter(_type="pubsub")
    assert await receives_the_outcome(store, watched)


async def test_a_listener_that_works_is_kept(monkeypatch, proxied, store, watched, caplog):
    monkeypatch.setattr(subscription, "PROBE_INTERVAL", 0.01)
    before = Hub.current()._subscription._listener
    for _ in range(20):
        assert not await before.is_deaf()
    assert Hub.current()._subscription._listener is before
    assert not caplog.records


async def cut(raw, group):
    """Cut the connections that subscribe, and wait for new ones that are in the group."""
    old = {client["id"] for client in raw.client_list(_type="pubsub")}
    raw.client_kill_filter(_type="pubsub")
    async with asyncio.timeout(10):
        while group not in raw.pubsub_channels() or old >= {
            client["id"] for client in raw.client_list(_type="pubsub")
        }:
            await asyncio.sleep(0.01)


async def is_in_a_group_left_during_a_cut(raw, monkeypatch):
    """Leave a group just when the connection was cut; whether Redis has it two reconnects later."""
    monkeypatch.setattr(subscription, "PROBE_INTERVAL", 0.1)
    hub, watcher = Hub.current(), Frames()
    for task_id in ("a", "b"):
        hub.watch(task_id, watcher)
    left, kept = [f"asgi__group__{groups.group_name(task_id)}" for task_id in ("a", "b")]
    async with asyncio.timeout(5):
        while not {left, kept} <= set(raw.pubsub_channels()):
            await asyncio.sleep(0.01)
    raw.client_kill_filter(_type="pubsub")
    hub.unwatch("a", watcher)
    async with asyncio.timeout(10):
        while hub._subscription._changed:
            await asyncio.sleep(0.01)
    for _ in range(2):  # each reconnect subscribes to the groups that are still remembered
        await cut(raw, kept)
    try:
        return left in raw.pubsub_channels()
    finally:
        await hub.aclose()


async def test_a_group_that_is_left_during_a_cut_is_left_for_good(raw, monkeypatch):
    assert not await is_in_a_group_left_during_a_cut(raw, monkeypatch)


async def test_through_the_layer_a_group_left_during_a_cut_is_kept(raw, monkeypatch):
    """The twin: channels_redis and redis-py forget channels at other times than Redis does."""
    through = lambda layer, _pools, on_message, _renewal: LayerReceiver(layer, on_message)  # noqa: E731
    monkeypatch.setattr(receivers, "PubSubReceiver", through)
    assert await is_in_a_group_left_during_a_cut(raw, monkeypatch)
