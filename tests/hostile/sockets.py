"""A well-behaved client, and a check that the server's memory does not grow."""

import json

import pytest
import websockets


def connect(web, path="/ws/progress/"):
    """Connect with the websockets package."""
    return websockets.connect(f"ws://127.0.0.1:{web.port}{path}", compression=None)


async def hear(socket):
    return json.loads(await socket.recv())


async def flat(web, row, *, rounds=12):
    """Repeat the row until a round leaves the server's memory as it was; fail if none does.

    A heap grows until it has room for garbage that is collected late. A leak grows every round.
    """
    sizes = [web.resident_bytes()]
    for _ in range(rounds):
        for _ in range(10):
            await row()
        sizes.append(web.resident_bytes())
        if sizes[-1] - sizes[-2] < 128 * 1024:
            return
    pytest.fail(f"it grows and grows: {sizes}")
