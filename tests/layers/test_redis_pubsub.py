"""Our own subscriptions on a real server: messages, errors, and lost connections."""

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from channels_redis.utils import create_pool
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from progress.layers import redis_pubsub
from progress.layers.redis_pubsub import Subscriber
from tests.support.parts import Server


class Subscribed:
    """A subscriber, the messages that it passed on, and how often it was renewed."""

    def __init__(self, url):
        self.messages, self.renewals = asyncio.Queue(), 0
        pool = create_pool({"address": url})
        self.subscriber = Subscriber(pool, self.messages.put_nowait, self._renew)

    def _renew(self):
        self.renewals += 1

    async def receive(self):
        """Do what the receiver does, but without a pause after errors."""
        while True:
            try:
                await self.subscriber.receive()
            except (RedisError, OSError):
                await asyncio.sleep(0)

    async def next(self):
        async with asyncio.timeout(5):
            return await self.messages.get()


@asynccontextmanager
async def receiving(url):
    subscribed = Subscribed(url)
    task = asyncio.create_task(subscribed.receive())
    yield subscribed
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await subscribed.subscriber.aclose()


@pytest.fixture
async def subscribed(redis_url):
    async with receiving(redis_url) as subscribed:
        yield subscribed


async def subscribers(raw, channel, count):
    """Wait until the server counts so many subscribers of the channel."""
    async with asyncio.timeout(5):
        while raw.pubsub_numsub(channel)[0][1] != count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("protocol", [2, 3])
async def test_messages_of_many_channels_arrive_in_order(redis_url, raw, protocol):
    async with receiving(f"{redis_url}?protocol={protocol}") as subscribed:
        for number in range(10):
            await subscribed.subscriber.subscribe(f"channel {number}")
        await subscribers(raw, "channel 9", 1)
        sent = [f"{number}" * 1000 for number in range(1000)]
        with raw.pipeline(transaction=False) as pipe:
            for number, message in enumerate(sent):
                pipe.publish(f"channel {number % 10}", message)
            pipe.execute()
        assert [(await subscribed.next()).decode() for _ in sent] == sent


async def test_messages_of_an_unsubscribed_channel_do_not_arrive(subscribed, raw):
    for channel in "ab":
        await subscribed.subscriber.subscribe(channel)
    await subscribed.subscriber.unsubscribe("a")
    await subscribers(raw, "a", 0)
    raw.publish("a", "unsubscribed")
    raw.publish("b", "subscribed")
    assert await subscribed.next() == b"subscribed"


WIRE = (
    b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
    b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n\r\n\r\n\r\n"
    b"*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
    b">3\r\n$7\r\nmessage\r\n$2\r\nbc\r\n$0\r\n\r\n"
    b"*2\r\n$4\r\npong\r\n$0\r\n\r\n+OK\r\n_\r\n$-1\r\n*-1\r\n%1\r\n+a\r\n:1\r\n"
    b">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n"
    b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\nlast\r\n"
)


async def parsed(parts):
    """The messages in what a server sends in these parts."""
    messages = []
    subscriber = Subscriber(None, messages.append, None)
    parser = redis_pubsub._parser()
    for part in parts:
        parser.feed(part)
        subscriber._pass_on(parser)
    return messages


@given(st.sets(st.integers(1, len(WIRE) - 1)))
async def test_only_messages_are_passed_on_whole_however_they_are_cut(cuts):
    """In both protocols, between nulls, numbers and other replies."""
    edges = [0, *sorted(cuts), len(WIRE)]
    parts = [WIRE[begin:end] for begin, end in pairwise(edges)]
    assert await parsed(parts) == [b"\r\n\r\n", b"", b"last"]


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (b"-NOPERM this user has no permissions\r\n", ResponseError),
        (b"HTTP/1.1 400 Bad Request\r\n", InvalidResponse),
        (b"*three\r\n", InvalidResponse),
    ],
)
async def test_error_replies_and_other_protocols_raise_errors_of_redis(wire, error):
    with pytest.raises(error):
        await parsed([wire])


async def test_a_lost_connection_is_renewed_with_its_channels(subscribed, raw):
    for channel in "abc":
        await subscribed.subscriber.subscribe(channel)
    await subscribed.subscriber.unsubscribe("b")
    await subscribers(raw, "b", 0)
    assert subscribed.renewals == 0
    raw.client_kill_filter(_type="pubsub")
    await subscribers(raw, "c", 1)
    assert subscribed.renewals == 1
    assert {"a", "c"} == set(raw.pubsub_channels("?"))  # a hub of another test may end late
    raw.publish("a", "again")
    assert await subscribed.next() == b"again"


async def test_a_channel_that_is_subscribed_during_a_renewal_is_received(
    subscribed, raw, monkeypatch
):
    """It is added when the new connection has the names of all earlier ones."""
    await subscribed.subscriber.subscribe("a")
    connect, subscribing = Subscriber._connect, []

    async def slow(self):
        connection = await connect(self)
        subscribing.append(asyncio.create_task(self.subscribe("b")))
        await asyncio.sleep(0)
        return connection

    monkeypatch.setattr(Subscriber, "_connect", slow)
    raw.client_kill_filter(_type="pubsub")
    await subscribers(raw, "b", 1)
    await subscribing[0]
    raw.publish("b", "received")
    assert await subscribed.next() == b"received"


async def test_a_connection_that_is_lost_while_a_command_is_sent_is_renewed(subscribed, raw):
    """Until Python 3.12 redis-py writes a command in a task: the loss is seen in between."""
    await subscribed.subscriber.subscribe("a")
    raw.publish("a", "all that came before was read")
    await subscribed.next()
    reader = subscribed.subscriber._open.connection._reader
    while reader._waiter is None:  # until it waits for bytes
        await asyncio.sleep(0)
    subscribing = asyncio.create_task(subscribed.subscriber.subscribe("b"))
    reader.feed_eof()
    await subscribing
    async with asyncio.timeout(5):
        while not subscribed.renewals:
            await asyncio.sleep(0.01)
    await subscribers(raw, "b", 1)
    raw.publish("b", "received")
    assert await subscribed.next() == b"received"


async def until_it_fails(call, *arguments):
    """The first call may still succeed."""
    async with asyncio.timeout(5):
        while True:
            await call(*arguments)


async def test_messages_arrive_again_when_a_server_is_back(tmp_path):
    with Server(tmp_path) as server:
        async with receiving(server.url()) as subscribed:
            await subscribed.subscriber.subscribe("a")
            server.kill()
            with pytest.raises((RedisError, OSError)):
                await until_it_fails(subscribed.subscriber.subscribe, "b")
            server.start()
            with server.client() as client:
                for channel in "ab":
                    await subscribers(client, channel, 1)
                    client.publish(channel, channel)
                    assert await subscribed.next() == channel.encode()


async def test_a_server_that_forbids_a_channel_raises_its_error(redis_url, raw):
    raw.acl_setuser("listener", enabled=True, passwords=["+secret"], commands=["+@all"])
    subscribed = Subscribed(redis_url.replace("//", "//listener:secret@"))
    await subscribed.subscriber.subscribe("forbidden")
    with pytest.raises(ResponseError, match="NOPERM"):
        await until_it_fails(subscribed.subscriber.receive)
    await subscribed.subscriber.aclose()
    raw.acl_deluser("listener")


async def test_a_closed_subscriber_does_not_connect_again(redis_url, raw):
    subscribed = Subscribed(redis_url)
    await subscribed.subscriber.subscribe("a")
    await subscribed.subscriber.aclose()
    with pytest.raises(RedisConnectionError, match="was closed"):
        await subscribed.subscriber.subscribe("b")
    await subscribers(raw, "a", 0)


async def test_a_subscriber_that_is_closed_while_it_connects_leaves_nothing_open(
    redis_url, raw, monkeypatch
):
    subscribed = Subscribed(redis_url)
    make, closing = subscribed.subscriber._pool.make_connection, []

    def connection():
        closing.append(asyncio.create_task(subscribed.subscriber.aclose()))
        return make()

    monkeypatch.setattr(subscribed.subscriber._pool, "make_connection", connection)
    with pytest.raises(RedisConnectionError, match="was closed"):
        await subscribed.subscriber.subscribe("a")
    await closing[0]
    await subscribers(raw, "a", 0)
