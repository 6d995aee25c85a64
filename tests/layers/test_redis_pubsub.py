"""Subscriptions of our own to a real server, which come back when their connection breaks."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from channels.layers import channel_layers
from channels_redis.utils import create_pool
from redis.exceptions import RedisError, ResponseError

from progress.layers import receivers
from progress.layers.redis_pubsub import PubSub
from tests.support.parts import Server


class Heard:
    """What a subscription passes on, and how often it was renewed."""

    def __init__(self, url):
        self.messages, self.renewals = asyncio.Queue(), 0
        self.pubsub = PubSub(create_pool({"address": url}), self.messages.put_nowait, self._renew)

    def _renew(self):
        self.renewals += 1

    async def hear(self):
        """As the receiver does it, but without a pause."""
        while True:
            try:
                await self.pubsub.hear()
            except (RedisError, OSError):
                await asyncio.sleep(0)

    async def next(self):
        async with asyncio.timeout(5):
            return await self.messages.get()


@asynccontextmanager
async def listening(url):
    heard = Heard(url)
    hearing = asyncio.create_task(heard.hear())
    yield heard
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    await heard.pubsub.aclose()


@pytest.fixture
async def heard(redis_url):
    async with listening(redis_url) as heard:
        yield heard


async def subscribers(raw, channel, count):
    """Wait until the server has so many for the channel."""
    async with asyncio.timeout(5):
        while raw.pubsub_numsub(channel)[0][1] != count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("protocol", [2, 3])
async def test_messages_of_many_channels_come_in_order(redis_url, raw, protocol):
    async with listening(f"{redis_url}?protocol={protocol}") as heard:
        for number in range(10):
            await heard.pubsub.subscribe(f"channel {number}")
        await subscribers(raw, "channel 9", 1)
        sent = [f"{number}" * 1000 for number in range(1000)]
        with raw.pipeline(transaction=False) as pipe:
            for number, message in enumerate(sent):
                pipe.publish(f"channel {number % 10}", message)
            pipe.execute()
        assert [(await heard.next()).decode() for _ in sent] == sent


async def test_a_channel_that_was_left_is_not_heard(heard, raw):
    for channel in "ab":
        await heard.pubsub.subscribe(channel)
    await heard.pubsub.unsubscribe("a")
    await subscribers(raw, "a", 0)
    raw.publish("a", "left")
    raw.publish("b", "kept")
    assert await heard.next() == b"kept"


async def test_a_connection_that_breaks_is_renewed_with_all_channels(heard, raw):
    for channel in "abc":
        await heard.pubsub.subscribe(channel)
    await heard.pubsub.unsubscribe("b")
    await subscribers(raw, "b", 0)
    assert heard.renewals == 0
    raw.client_kill_filter(_type="pubsub")
    await subscribers(raw, "c", 1)
    assert heard.renewals == 1
    assert {"a", "c"} == set(raw.pubsub_channels())
    raw.publish("a", "again")
    assert await heard.next() == b"again"


async def test_a_channel_that_is_joined_while_the_connection_is_renewed_is_heard(
    heard, raw, monkeypatch
):
    """It is added when the names of those before it were taken already."""
    await heard.pubsub.subscribe("a")
    connected, joining = PubSub._connected, []

    async def slow(self):
        connection = await connected(self)
        joining.append(asyncio.create_task(self.subscribe("b")))
        await asyncio.sleep(0)
        return connection

    monkeypatch.setattr(PubSub, "_connected", slow)
    raw.client_kill_filter(_type="pubsub")
    await subscribers(raw, "b", 1)
    await joining[0]
    raw.publish("b", "heard")
    assert await heard.next() == b"heard"


async def until_it_fails(call, *arguments):
    """It is not the first call that meets the trouble."""
    async with asyncio.timeout(5):
        while True:
            await call(*arguments)


async def test_a_server_that_was_away_is_heard_when_it_is_back(tmp_path):
    with Server(tmp_path) as server:
        async with listening(server.url()) as heard:
            await heard.pubsub.subscribe("a")
            server.kill()
            with pytest.raises((RedisError, OSError)):
                await until_it_fails(heard.pubsub.subscribe, "b")
            server.start()
            with server.client() as client:
                for channel in "ab":
                    await subscribers(client, channel, 1)
                    client.publish(channel, channel)
                    assert await heard.next() == channel.encode()


async def test_a_server_that_says_it_may_not_is_no_silence(redis_url, raw):
    raw.acl_setuser("listener", enabled=True, passwords=["+secret"], commands=["+@all"])
    listener = Heard(redis_url.replace("//", "//listener:secret@"))
    await listener.pubsub.subscribe("forbidden")
    with pytest.raises(ResponseError, match="NOPERM"):
        await until_it_fails(listener.pubsub.hear)
    await listener.pubsub.aclose()
    raw.acl_deluser("listener")


@pytest.mark.parametrize("part", ["redis.asyncio.Connection", "channels_redis"])
async def test_the_layer_is_heard_by_its_own_means_where_its_parts_have_other_names(
    redis_url, monkeypatch, part
):
    layer = channel_layers.make_backend("default")
    if part == "channels_redis":
        monkeypatch.delattr("channels_redis.pubsub.RedisPubSubLoopLayer._get_shard")
    else:
        monkeypatch.setattr("redis.asyncio.ConnectionPool.make_connection", lambda _: object())
    found = receivers.open_receiver(layer, None, None)
    assert isinstance(found, receivers.LayerReceiver)
