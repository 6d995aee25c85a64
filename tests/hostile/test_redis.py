"""Foreign values and messages in Redis are skipped and delay nobody."""

import asyncio
import uuid

import msgpack
import pytest

from progress.events import Event, State
from progress.layers.groups import RIGHTS_TYPE, group_name, message, rights_group_name
from progress.reporting import current
from progress.reporting.current import current_publisher
from tests.hostile.sockets import connect, hear
from tests.support import rights

EVENT = Event(task_id="a", state=State.PROGRESS, version=1, run=1, current=1, total=2).text()

VALUES = {
    "garbage": b"\xff\xfe\x00",
    "empty": b"",
    "JSON": b"[1, 2]",
    "pickle": b"\x80\x04K\x07.",
    "MessagePack bomb": b"\xdd\xff\xff\xff\xff" * 9,
    "deep": b"[" * 100_000,
    "old schema": b'{"task_id": "a", "progress": 50}',
    "a field less": EVENT.replace('"error":null', '"errors":null'),
    "unknown type": EVENT.replace('"type":"progress"', '"type":"dance"'),
    "unknown state": EVENT.replace('"PROGRESS"', '"DANCING"'),
    "cut": EVENT[:-9],
    "NaN": EVENT.replace('"current":1', '"current":NaN'),
    "infinity": EVENT.replace('"current":1', '"current":1e999'),
    "beyond counting": EVENT.replace('"total":2', f'"total":{10**400}'),
    "version of words": EVENT.replace('"version":1', '"version":"1"'),
    "version below nothing": EVENT.replace('"version":1', '"version":-1'),
    "version beyond counting": EVENT.replace('"version":1', '"version":99999999999999999999'),
    "description no text": EVENT.replace('"description":""', '"description":[]'),
    "UTF-16": EVENT.encode("utf-16"),
    "huge": EVENT.replace('"description":""', f'"description":"{"x" * 20_000_000}"'),
}


def put_list(client, key):
    client.delete(key)
    client.rpush(key, "a")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*VALUES, "a list"])
async def test_a_stored_value_that_is_not_an_event_counts_as_unknown(web, ground, publishes, name):
    task_id = uuid.uuid4().hex
    key = f"progress:event:{task_id}"
    with ground.store.client() as client:
        if name == "a list":
            put_list(client, key)
        else:
            client.set(key, VALUES[name])
    async with connect(web) as socket:
        await socket.send(rights.subscribe(task_id))
        assert (await hear(socket))["state"] == "UNKNOWN"
        run = current_publisher().open(task_id)
        current_publisher().conclude(run, State.SUCCESS)
        assert current.flush(5)
        while not (event := await hear(socket))["complete"]:
            pass
        assert event["task_id"] == task_id


@pytest.mark.parametrize("name", ["SUCCESS of nonsense", "a list"])
def test_a_foreign_key_does_not_delay_other_tasks(raw, name):
    head = '{"type":"progress","version":9,"run":9,"stalled":false,"state":"SUCCESS"nonsense'
    raw.set("progress:event:a", head)
    if name == "a list":
        put_list(raw, "progress:event:a")
    for task_id in "ab":
        current_publisher().conclude(current_publisher().open(task_id), State.SUCCESS)
    assert current.flush(5)
    assert Event.from_text(raw.get("progress:event:b")).complete


def packed(value):
    """Serialize it as the channel layer does."""
    return msgpack.packb(value)


MESSAGES = {
    "bytes": b"\xff\xfe\x00",
    "nothing": b"",
    "MessagePack bomb": b"\xdd\xff\xff\xff\xff" * 9,
    "a number": packed(7),
    "null": packed(None),
    "a list": packed([1, {}]),
    "no type": packed({}),
    "another type": packed({"type": "websocket.disconnect"}),
    "a type that is none": packed({"type": ["progress.event"]}),
    "no text": packed({"type": "progress.event"}),
    "text no text": packed({"type": "progress.event", "text": 7}),
    "no event": packed({"type": "progress.event", "text": "[" * 100_000}),
    "NaN": packed({"type": "progress.event", "text": VALUES["NaN"]}),
    "rights of a list": packed({"type": RIGHTS_TYPE, "user": []}),
    "rights of an object": packed({"type": RIGHTS_TYPE, "task": {}, "session": 7}),
}


@pytest.mark.parametrize("group", ["a task's", "the rights'"])
@pytest.mark.parametrize("name", MESSAGES)
async def test_a_foreign_message_is_skipped(web, ground, name, group):
    ground.put("a")
    channels = {"a task's": group_name("a"), "the rights'": rights_group_name()}
    event = message(Event(task_id="a", state=State.PROGRESS, version=7, run=7))
    async with connect(web) as socket:
        await socket.send(rights.subscribe("a"))
        await hear(socket)
        with ground.store.client() as client:
            while client.pubsub_numsub(f"asgi__group__{group_name('a')}")[0][1] == 0:
                await asyncio.sleep(0.01)
            for _ in range(5):
                client.publish(f"asgi__group__{channels[group]}", MESSAGES[name])
            client.publish(f"asgi__group__{group_name('a')}", packed(event))
        async with asyncio.timeout(0.9):  # without a pause, and before the next read of the store
            assert (await hear(socket))["version"] == 7


async def test_a_frame_of_a_client_publishes_nothing(web, ground):
    """MONITOR of Redis shows that only the layer's probes were published."""
    marker = uuid.uuid4().hex
    with ground.store.client() as client, client.monitor() as monitor:
        async with connect(web) as socket:
            for number in range(60):
                await socket.send(rights.subscribe(f"spam-{number}"))
                await socket.send(rights.subscribe(f"spam-{number}").replace("sub", "unsub"))
                await socket.send("nonsense" if number % 10 == 0 else rights.subscribe("spam"))
            await (await socket.ping())
        groups = [group_name(f"spam-{number}") for number in range(60)] + [group_name("spam")]
        await asyncio.to_thread(client.ping)
        client.echo(marker)
        commands = await asyncio.to_thread(until, monitor, marker)
    sent = [each for each in commands if each.split()[0].upper() in {"PUBLISH", "SPUBLISH"}]
    assert not [each for each in sent if any(group in each for group in groups)]
    strangers = [each for each in sent if "progress.echo." not in each]
    assert not [each for each in strangers if group_name("bystander") not in each]


def until(monitor, marker):
    """The commands that Redis got up to the one with the marker."""
    commands = []
    for entry in monitor.listen():
        commands.append(entry["command"])
        if marker in commands[-1]:
            return commands
    return commands
