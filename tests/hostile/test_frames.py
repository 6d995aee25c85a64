"""Frames that break the protocol, on real servers: each gets an error and the socket stays open."""

import json
from contextlib import suppress

import pytest
import websockets

from progress.conf import DEFAULTS
from tests.hostile.raw import BINARY, TEXT, Raw
from tests.hostile.sockets import connect, flat, hear
from tests.support import rights

LIMIT = DEFAULTS["PROGRESS_FRAME_LIMIT"]
A = '"type": "subscribe", "task_id": "a"'

FRAMES = {
    "not JSON": "nonsense",
    "truncated": '{"type": "subscribe", "task_',
    "binary": b"\x00\xff",
    "binary JSON": b'{"type": "subscribe", "task_id": "a"}',
    "empty": "",
    "empty binary": b"",
    "array": "[]",
    "number": "7",
    "null": "null",
    "NaN": "NaN",
    "a field NaN": f'{{{A}, "token": NaN}}',
    "NaN beside": f'{{{A}, "more": NaN}}',
    "Infinity beside": f'{{{A}, "more": -Infinity}}',
    "a key twice": f'{{{A}, "task_id": "b"}}',
    "a key twice deep": f'{{{A}, "more": {{"x": 1, "x": 2}}}}',
    "deep": "[" * 4000,
    "deep objects": '{"a":' * 700,
    "100k deep": "[" * 100_000,
    "5000 digits": "9" * 5000,
    "4000 digits": "9" * 4000,
    "a field of 4000 digits": f'{{"type": "subscribe", "task_id": {"9" * 4000}}}',
    "byte order mark": "\ufeff{}",
    "no type": '{"task_id": "a"}',
    "unknown type": '{"type": "dance", "task_id": "a"}',
    "a method as type": '{"type": "websocket.disconnect", "task_id": "a"}',
    "an event": '{"type": "progress", "task_id": "a", "version": 9, "state": "SUCCESS"}',
    "type list": '{"type": ["subscribe"], "task_id": "a"}',
    "type object": '{"type": {}, "task_id": "a"}',
    "no id": '{"type": "subscribe"}',
    "id null": '{"type": "subscribe", "task_id": null}',
    "id number": '{"type": "subscribe", "task_id": 7}',
    "id list": '{"type": "subscribe", "task_id": ["a"]}',
    "id object": '{"type": "unsubscribe", "task_id": {"a": 1}}',
    "id empty": '{"type": "subscribe", "task_id": ""}',
    "id half a character": '{"type": "subscribe", "task_id": "\\ud800"}',
    "token number": f'{{{A}, "token": 7}}',
    "token list": f'{{{A}, "token": ["a"]}}',
    "token object": f'{{{A}, "token": {{}}}}',
    "token huge": f'{{{A}, "token": "{"x" * 5000}"}}',
}

#: Tokens that fit the protocol and give no access.
TOKENS = {
    "none": None,
    "empty": "",
    "of another task": rights.make_token("b"),
    "cut": rights.make_token("a")[:-1],
    "altered": rights.make_token("a")[::-1],
    "no ASCII": "é.\u202e.😀",
    "half a character": "\ud800",
    "NUL": "\0",
    "dots": "." * 2000,
    "long": "x" * 3000,
}


@pytest.fixture
def known(ground):
    """A task that the store knows, so that a subscription is answered at once."""
    ground.put("a")


@pytest.mark.parametrize("name", FRAMES)
async def test_an_invalid_frame_gets_an_error_and_the_socket_stays_open(web, known, name):
    async with connect(web) as socket:
        await socket.send(FRAMES[name])
        error = await hear(socket)
        assert (error["type"], error["code"]) == ("error", "bad_request")
        await socket.send(rights.subscribe("a"))
        assert (await hear(socket))["task_id"] == "a"


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_without_rights_gets_an_error(web, known, name):
    frame = {"type": "subscribe", "task_id": "a", "token": TOKENS[name]}
    async with connect(web) as socket:
        await socket.send(json.dumps(frame))
        assert (await hear(socket))["code"] == "forbidden"
        await socket.send(rights.subscribe("a"))
        assert (await hear(socket))["state"] == "PENDING"


async def test_a_frame_at_the_size_limit_is_accepted_and_one_byte_more_is_refused(web, known):
    async with connect(web) as socket:
        await socket.send(rights.subscribe("a").ljust(LIMIT))
        assert (await hear(socket))["task_id"] == "a"
        await socket.send(rights.subscribe("a").ljust(LIMIT + 1))
        assert (await hear(socket))["code"] == "bad_request"


async def test_a_client_that_sends_only_invalid_frames_is_closed(web):
    async with connect(web) as socket:
        with suppress(websockets.ConnectionClosed):
            for frame in FRAMES.values():
                await socket.send(frame)
            while True:  # the close comes after all other frames
                await socket.recv()
    assert socket.close_code == 4400


async def test_invalid_frames_do_not_leak_memory(web):
    frames = [frame for frame in FRAMES.values() if len(frame) < 10_000]

    async def row():
        async with await Raw.open(web) as raw:
            for frame in frames[:20]:
                opcode = TEXT if isinstance(frame, str) else BINARY
                await raw.send(opcode, frame.encode() if opcode == TEXT else frame)
                await raw.next()

    await flat(web, row)
