"""The store's script also sends events to groups, if store and channel layer are one server."""

import asyncio

import pytest
from channels.layers import channel_layers, get_channel_layer
from redis.asyncio import Redis

from progress import redis_servers
from progress.events import Event, State
from progress.layers import groups, redis_layer
from progress.layers.sending import envelope
from progress.reporting.delivery import Delivery
from progress.reporting.runs import Run
from progress.store.base import SENT
from progress.store.redis import RedisStore
from tests.support.joining import joined
from tests.support.parts import Server

TELLER = {"username": "teller", "password": "secret"}
SENTINELS = "sentinel://one,two/main"


@pytest.fixture
async def layer(redis_url):
    """Return the layer of the settings; its connections are closed after the test."""
    yield get_channel_layer
    await get_channel_layer().flush()
    channel_layers.backends.clear()


async def received(layer, channel):
    """Return the event of the next message."""
    async with asyncio.timeout(5):
        return groups.parse(await layer.receive(channel))


async def delivered(store, *events):
    """Deliver these events; return their runs."""
    delivery = Delivery(store, refused=lambda _: None)
    runs = {Run(event.task_id): event for event in events}
    for run, event in runs.items():
        run.number = event.run
        delivery.offer(run, event)
    await delivery.step()
    return list(runs)


def event(state=State.STARTED, task_id="a", **more):
    return Event(task_id=task_id, state=state, **more)


EVENTS = {
    "the first of a run": event(),
    "waiting": event(State.PENDING),
    "a report": event(State.PROGRESS, run=1795331650000000, current=1, total=3, description="é😀"),
    "an outcome": event(State.SUCCESS, result={"a": ["x" * 500]}),
    "of another length": event(State.PROGRESS, run=7, description="x" * 512),
    "as long as can be": event(State.FAILURE, error="é" * 4000, task_id="é" * 255),
}


@pytest.mark.parametrize("name", EVENTS)
async def test_the_store_sends_the_same_bytes_as_the_layer(layer, raw, store, name):
    told, stored = EVENTS[name], []
    async with Redis.from_url(store_url(raw)) as client, client.pubsub() as pubsub:
        await pubsub.subscribe(f"asgi__group__{groups.group_name(told.task_id)}")
        await heard(pubsub, "subscribe")
        await delivered(store, told)
        stored = (await store.read([told.task_id]))[told.task_id]
        assert await heard(pubsub, "message") == layer().serialize(groups.message(stored))


def store_url(raw):
    return "redis://{host}:{port}/9".format(**raw.connection_pool.connection_kwargs)


async def heard(pubsub, kind):
    """Return the next message of this type."""
    async with asyncio.timeout(5):
        while not (message := await pubsub.get_message(timeout=1)):
            pass
    assert message["type"] == kind
    return message["data"]


async def test_a_batch_is_stored_and_sent_with_one_command(layer, raw, store):
    tasks = [str(number) for number in range(50)]
    channel = await joined(layer(), map(groups.group_name, tasks))
    await store.put([event(task_id="scripts are loaded")])
    raw.config_resetstat()
    runs = await delivered(store, *(event(task_id=task_id) for task_id in tasks))
    told = [await received(layer(), channel) for _ in tasks]
    assert [each.task_id for each in told] == tasks
    assert [each.run for each in told] == [run.number for run in runs]
    calls = {name: each["calls"] for name, each in raw.info("commandstats").items()}
    assert (calls["cmdstat_evalsha"], calls["cmdstat_publish"]) == (1, 50)
    assert "cmdstat_eval" not in calls


async def test_numbers_with_other_digit_counts_are_sent_by_the_layer(layer, raw, store):
    """With a run of one digit, the length that precedes the text in the message would be wrong."""
    cover = Delivery(store, refused=lambda _: None)._envelope()
    usual = [event(), event(State.PENDING, task_id="b")]
    answers = await store.publish([*usual, event(State.PROGRESS, run=7, task_id="c")], cover)
    assert [answer.verdict for answer in answers] == [SENT, SENT, 1]


async def test_an_outcome_that_is_stored_already_is_sent_again(layer, store):
    """The stored outcome may be this one, if the answer of an earlier try was lost."""
    channel = await joined(layer(), [groups.group_name("a")])
    [(_, stands)] = await store.put([event(State.FAILURE)])
    await delivered(store, event(State.FAILURE, run=stands.run))
    assert await received(layer(), channel) == stands


async def test_without_the_right_to_publish_the_layer_sends(layer, raw, redis_url):
    raw.acl_setuser(
        TELLER["username"],
        enabled=True,
        reset=True,
        passwords=[f"+{TELLER['password']}"],
        keys=["*"],
        channels=["*"],
        commands=["+@all", "-publish"],
    )
    channel = await joined(layer(), [groups.group_name("a")])
    store = RedisStore(redis_url.replace("//", "//{username}:{password}@".format(**TELLER)))
    try:
        [run] = await delivered(store, event())
        told = await received(layer(), channel)
        assert (told, told.run) == ((await store.read(["a"]))["a"], run.number)
    finally:
        await store.aclose()
        raw.acl_deluser(TELLER["username"])


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    """Return the URL of another server."""
    with Server(tmp_path_factory.mktemp("another")) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


LAYERS = {
    "encrypted": lambda url, _: redis_layer(url, symmetric_encryption_keys=["a key"]),
    "another serializer": lambda url, _: redis_layer(url, serializer_format="json"),
    "several servers": redis_layer,
    "another server": lambda _, another: redis_layer(another),
    "another name of the server": lambda url, _: redis_layer(url.replace("127.0.0.1", "localhost")),
    "in memory": lambda *_: {"BACKEND": "channels.layers.InMemoryChannelLayer"},
}


@pytest.mark.parametrize("name", LAYERS)
async def test_messages_that_only_the_layer_can_send_are_sent_by_it(
    layer, redis_url, another, store, settings, name
):
    settings.CHANNEL_LAYERS = {"default": LAYERS[name](redis_url, another)}
    assert envelope(store.place) is None
    channel = await joined(layer(), map(groups.group_name, "ab"))
    await delivered(store, event(), event(task_id="b"))
    told = {(await received(layer(), channel)).task_id for _ in "ab"}
    assert told == {"a", "b"}


async def test_a_layer_without_the_private_parts_sends_by_itself(layer, store, monkeypatch):
    assert envelope(store.place)
    monkeypatch.delattr("channels_redis.pubsub.RedisPubSubLoopLayer._get_group_channel_name")
    assert envelope(store.place) is None


@pytest.mark.parametrize("name", ["no layer", "one that cannot be imported"])
async def test_without_a_layer_events_are_stored(redis_url, store, settings, name):
    backend = {"default": {"BACKEND": "nowhere.Layer"}}
    settings.CHANNEL_LAYERS = {} if name == "no layer" else backend
    [run] = await delivered(store, event())
    assert (await store.read(["a"]))["a"].run == run.number


SAME = [
    ("redis://one/0", "redis://one:6379/5"),
    ("redis://me:secret@one:7/0", "redis://one:7"),
    ("unix:///tmp/one?db=1", "unix:///tmp/one?db=2"),
    (SENTINELS, "sentinel://me:secret@two,one:26379/main/3"),
]
OTHERS = ["redis://two/0", "redis://one:8/0", "unix:///tmp/two", "sentinel://one,two/spare"]


@pytest.mark.parametrize(("one", "same"), SAME)
async def test_a_server_is_identified_by_its_address_without_the_database(one, same):
    place = redis_servers.place(redis_servers.connect(one))
    assert place == redis_servers.place(redis_servers.connect(same))
    assert place not in {redis_servers.place(redis_servers.connect(each)) for each in OTHERS}
