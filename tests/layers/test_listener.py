"""A channel layer that goes deaf without a word, and what the hub does about it."""

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
    """The channel layer goes through a proxy; the store does not, and is not reconciled with."""
    settings.PROGRESS_RECONCILE = NEVER
    async with Proxy(valkey.port).running() as proxy:
        settings.CHANNEL_LAYERS = {"default": redis_layer(f"redis://127.0.0.1:{proxy.port}/0")}
        yield proxy


@pytest.fixture
async def watched(proxied, store):
    """A started task, watched over a link that works, past its second look at the store."""
    hub = Hub.current()
    watcher = Frames()
    hub.watch("a", watcher)
    watched = Watched(watcher)
    await watched.until(lambda event: event.state is State.UNKNOWN)
    await tell(store, STARTED)
    await watched.until(lambda event: event.state is State.STARTED)
    yield watched
    await hub.aclose()


async def hears_the_outcome(store, watched):
    """Whether an outcome that only the store knows arrives: a renewed link looks there again."""
    started = watched.events[-1]
    await store.put([replace(started, state=State.SUCCESS)])
    async with asyncio.timeout(3):
        return (await watched.next()).complete


async def test_a_link_that_swallows_is_noticed_and_renewed(monkeypatch, proxied, store, watched):
    monkeypatch.setattr(listener, "ECHO_WITHIN", 0.3)
    monkeypatch.setattr(subscription, "PROBE_AFTER", 0.1)
    with proxied.swallowing():
        assert await hears_the_outcome(store, watched)


async def test_without_the_probe_a_swallowing_link_stays_deaf(proxied, store, watched):
    """The twin: the scenario above tests the probe."""
    with proxied.swallowing(), pytest.raises(TimeoutError):
        await hears_the_outcome(store, watched)


async def test_what_is_lost_while_a_connection_is_broken_is_looked_for(raw, store, watched):
    raw.client_kill_filter(_type="pubsub")
    assert await hears_the_outcome(store, watched)


async def test_a_link_that_works_is_left_alone(monkeypatch, proxied, store, watched, caplog):
    monkeypatch.setattr(subscription, "PROBE_AFTER", 0.01)
    before = Hub.current()._subscription._link
    for _ in range(20):
        assert not await before.is_deaf()
    assert Hub.current()._subscription._link is before
    assert not caplog.records


async def breaks(raw, group):
    """The subscriptions' connections are cut; until there are new ones that hear the group."""
    old = {client["id"] for client in raw.client_list(_type="pubsub")}
    raw.client_kill_filter(_type="pubsub")
    async with asyncio.timeout(10):
        while group not in raw.pubsub_channels() or old >= {
            client["id"] for client in raw.client_list(_type="pubsub")
        }:
            await asyncio.sleep(0.01)


async def leaves_while_its_connection_breaks(raw, monkeypatch):
    """A group is left when Redis has just gone; whether Redis has it when all is quiet."""
    monkeypatch.setattr(subscription, "PROBE_AFTER", 0.1)
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
    for _ in range(2):  # what was not forgotten is subscribed to at each reconnect
        await breaks(raw, kept)
    try:
        return left in raw.pubsub_channels()
    finally:
        await hub.aclose()


async def test_a_group_left_while_the_connection_breaks_is_left_for_good(raw, monkeypatch):
    assert not await leaves_while_its_connection_breaks(raw, monkeypatch)


async def test_heard_through_the_layer_a_group_left_then_stays(raw, monkeypatch):
    """The twin: channels_redis and redis-py forget at other times than Redis does."""
    through = lambda layer, received, _renewed: LayerReceiver(layer, received)  # noqa: E731
    monkeypatch.setattr(receivers, "PubSubReceiver", through)
    assert await leaves_while_its_connection_breaks(raw, monkeypatch)
