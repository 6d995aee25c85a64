"""Row C7: a page whose server refuses it for a while, since there are too many sockets."""

import asyncio
from contextlib import suppress

import pytest
import websockets

from tests.faults.stage import Stage
from tests.support import rights

R = 5  # seconds within which a page that asks for the state is right
SEATS = 3  # sockets of an address: two watchers, and the page or another one
STATUS = 'status="/progress/{}/"'


@pytest.mark.row("C7", within=R)
async def test_c7_a_page_comes_back_when_there_are_too_many_sockets(scenario, browser):
    stage = await take_seat(scenario, browser)
    await stage.right(within=R)


@pytest.mark.row("C7")
async def test_c7_twin_a_page_takes_4429_for_final(scenario, browser):
    stage = await take_seat(scenario, browser, without="busy")
    await stage.wrong(within=R)


async def take_seat(scenario, browser, **page):
    """The page's connection is reset, and another client is faster; the task ends then."""
    values = {"SOCKETS_PER_ADDRESS": SEATS}
    stage = await Stage.of(scenario, browser, 10, values=values, attributes=STATUS, **page)
    with stage.road.closed():
        other = await sit_down(stage)
    scenario.stack.callback(other.transport.abort)
    await stage.ends()
    scenario.fault()
    return stage


async def sit_down(stage):
    """Connect until the server has noticed that the page is gone."""
    async with asyncio.timeout(R):
        while True:
            client = await websockets.connect(
                f"ws://127.0.0.1:{stage.web.port}/ws/progress/", ping_interval=None
            )
            with suppress(websockets.ConnectionClosed):
                await client.send(rights.subscribe("another"))
                await client.recv()
                return client
            await asyncio.sleep(0.05)
