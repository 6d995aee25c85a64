"""Task ids with a meaning for file systems, pages or Redis are only ids here."""

import asyncio
import json
from urllib.parse import quote

import pytest
import websockets

from progress import make_token
from tests.hostile.ids import IDS
from tests.hostile.sockets import connect, hear
from tests.support import rights


@pytest.mark.parametrize("name", IDS)
async def test_an_odd_id_names_one_task_and_no_file_or_address(web, ground, name):
    ground.put(IDS[name], description=name)
    async with connect(web) as socket:
        await socket.send(json.dumps({"type": "subscribe", "task_id": IDS[name]}))
        refusal = await hear(socket)
        assert (refusal["code"], refusal["task_id"]) == ("forbidden", IDS[name])
        await socket.send(rights.subscribe(IDS[name]))
        event = await hear(socket)
        assert (event["task_id"], event["description"]) == (IDS[name], name)


@pytest.mark.slow
@pytest.mark.parametrize("name", IDS)
async def test_an_odd_id_can_be_watched_at_its_own_address(web, ground, name):
    ground.put(IDS[name], description=name)
    path = f"/ws/progress/{quote(IDS[name], safe='')}/?token={make_token(IDS[name])}"
    async with connect(web, path) as socket:
        if "\n" in IDS[name]:  # Django's path() takes none: there is no such address
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd.code == 4404
        else:
            assert (await hear(socket))["description"] == name


@pytest.mark.slow
@pytest.mark.parametrize("name", IDS)
async def test_events_of_an_odd_id_arrive_through_its_group(web, publishes, name):
    from progress.reporting.current import current_publisher

    run = current_publisher().open(IDS[name])
    async with connect(web) as socket:
        await socket.send(rights.subscribe(IDS[name]))
        while (await hear(socket))["state"] != "STARTED":
            pass
        run.said = (1, 2, "", None)
        current_publisher().wake(run)
        async with asyncio.timeout(4):  # before the next read of the store
            assert (await hear(socket))["percent"] == 50
