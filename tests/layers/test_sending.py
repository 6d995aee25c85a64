"""Messages to groups, many in one command, on a real server."""

import pytest
from channels.layers import channel_layers, get_channel_layer

from progress.layers import sending
from tests.support.joining import joined


@pytest.fixture
async def layer(redis_url):
    """The layer; nothing of it stays open."""
    layer = get_channel_layer()
    yield layer
    await layer.flush()
    channel_layers.backends.clear()


@pytest.mark.parametrize(("count", "scripts"), [(1, 0), (250, 3)])
async def test_each_message_reaches_its_group_in_few_commands(layer, raw, count, scripts):
    channel = await joined(layer, [f"group.{number}" for number in range(count)])
    raw.config_resetstat()
    await sending.send((f"group.{each}", {"type": "a", "number": each}) for each in range(count))
    received = [(await layer.receive(channel))["number"] for _ in range(count)]
    assert sorted(received) == list(range(count))
    assert raw.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"] == scripts
