"""Messages to groups, many in one go, on a real server."""

import pytest
from channels.layers import channel_layers, get_channel_layer

from progress.layers import sending


@pytest.fixture
async def layer(redis_url):
    """The layer, with nothing left open."""
    layer = get_channel_layer()
    yield layer
    await layer.flush()
    channel_layers.backends.clear()


@pytest.mark.parametrize(("count", "scripts"), [(1, 0), (250, 3)])
async def test_each_message_reaches_its_group_in_few_commands(layer, raw, count, scripts):
    channel = await layer.new_channel()
    for number in range(count):
        await layer.group_add(f"group.{number}", channel)
    raw.config_resetstat()
    await sending.send((f"group.{each}", {"type": "a", "number": each}) for each in range(count))
    heard = [(await layer.receive(channel))["number"] for _ in range(count)]
    assert sorted(heard) == list(range(count))
    assert raw.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"] == scripts


async def test_messages_reach_their_groups_where_the_layer_has_other_parts(layer, monkeypatch):
    channel = await layer.new_channel()
    monkeypatch.delattr("channels_redis.pubsub.RedisPubSubLoopLayer._get_group_channel_name")
    monkeypatch.setattr(layer, "group_send", layer.send)
    await sending.send((channel, {"type": "a", "number": number}) for number in range(2))
    assert {(await layer.receive(channel))["number"] for _ in range(2)} == {0, 1}
