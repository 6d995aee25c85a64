"""A client of ordinary manners, and the size of the server it talks to."""

import json

import pytest
import websockets


def connect(web, path="/ws/progress/"):
    """A client that this project did not write."""
    return websockets.connect(f"ws://127.0.0.1:{web.port}{path}", compression=None)


async def hear(socket):
    return json.loads(await socket.recv())


async def flat(web, row, *, rounds=12):
    """Repeat the row until it leaves the process no bigger; fails when it never does.

    A heap grows until there is room for what is collected late; what leaks grows in each round.
    """
    sizes = [web.resident_bytes()]
    for _ in range(rounds):
        for _ in range(10):
            await row()
        sizes.append(web.resident_bytes())
        if sizes[-1] - sizes[-2] < 128 * 1024:
            return
    pytest.fail(f"it grows and grows: {sizes}")
