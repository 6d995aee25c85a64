"""Releases of channels_redis and redis-py without the private parts that the fast paths use."""

from contextlib import contextmanager

import channels_redis.pubsub
import pytest
from channels.layers import channel_layers, get_channel_layer
from redis.asyncio import Connection

from progress import redis_servers
from progress.checks.dependencies import check_private_parts
from progress.layers import groups, private_parts, receivers, sending
from tests.support.joining import joined

LAYER = [f"RedisPubSubLoopLayer.{name}" for name in private_parts.LAYER]
SHARD = [f"RedisSingleShardConnection.{name}" for name in private_parts.SHARD]
CONNECTION = [f"Connection.{name}" for name in private_parts.CONNECTION]


@pytest.fixture(autouse=True)
def _nothing_was_logged(monkeypatch):
    monkeypatch.setattr(private_parts, "_logged", set())


@pytest.fixture
async def layer(redis_url):
    layer = get_channel_layer()
    yield layer
    await layer.flush()
    channel_layers.backends.clear()


@contextmanager
def without(part):
    """Instances of the class have no such attribute."""
    owner, _, name = part.partition(".")
    owner = Connection if owner == "Connection" else getattr(channels_redis.pubsub, owner)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, property(None, lambda *_: None), raising=False)
        yield


def found():
    """The parts that the system check names."""
    messages = check_private_parts()
    assert all(message.hint for message in messages)
    return [(message.id, message.msg) for message in messages]


def test_the_installed_releases_have_all_parts():
    assert private_parts.missing() == []
    assert found() == []


@pytest.mark.parametrize("part", LAYER + SHARD)
def test_the_check_names_a_part_of_the_layer_and_both_costs(part):
    with without(part):
        messages = found()
    costs = private_parts.SENDING, private_parts.RECEIVING
    for (id_, words), cost in zip(messages, costs, strict=True):
        assert id_ == "progress.W003"
        assert f"channels_redis.pubsub.{part} " in words
        assert cost in words


@pytest.mark.parametrize("part", CONNECTION)
def test_the_check_names_a_part_of_a_connection_and_what_receiving_costs(part):
    with without(part):
        [(_, words)] = found()
    assert f"redis.asyncio.{part} " in words
    assert private_parts.RECEIVING in words


def test_the_check_names_a_class_that_is_gone(monkeypatch):
    monkeypatch.delattr("channels_redis.pubsub.RedisPubSubLoopLayer")
    assert len(found()) == 2


@pytest.mark.parametrize("part", LAYER + SHARD + CONNECTION)
async def test_receiving_falls_back_to_the_layer_and_logs_it_once(layer, caplog, part):
    own = channel_layers.make_backend("default")
    assert own._shards  # so that it can be closed in the end
    with without(part):
        for _ in range(2):
            receiver = receivers.open_receiver(own, None, None)
            assert isinstance(receiver, receivers.LayerReceiver)
    [record] = caplog.records
    assert part in record.getMessage()
    assert private_parts.RECEIVING in record.getMessage()


@pytest.mark.parametrize("part", LAYER)
async def test_the_store_publishes_nothing_and_logs_it_once(layer, redis_url, caplog, part):
    place = redis_servers.place(redis_servers.connect(redis_url))
    assert sending.envelope(place)
    with without(part):
        assert [sending.envelope(place), sending.envelope(place)] == [None, None]
    [record] = caplog.records
    assert part in record.getMessage()
    assert private_parts.SENDING in record.getMessage()


async def test_messages_are_sent_by_the_layer_one_by_one(layer, raw, monkeypatch, caplog):
    names = [groups.group_name(task_id) for task_id in "ab"]
    channel = await joined(layer, names)
    monkeypatch.setattr(private_parts, "SHARD", (*private_parts.SHARD, "gone"))
    raw.config_resetstat()
    await sending.send((name, {"type": "a", "name": name}) for name in names)
    assert {(await layer.receive(channel))["name"] for _ in names} == set(names)
    assert "cmdstat_eval" not in raw.info("commandstats")
    assert "RedisSingleShardConnection.gone is missing" in caplog.text
