"""Rows C5, C6, S4 and S5: the rights of clients who watch nothing, or watch for long."""

import asyncio
import json
import time
from contextlib import contextmanager, suppress

import pytest
import websockets

from tests.faults.kinds import Loyal, watch
from tests.faults.lives import start, worker
from tests.support import rights
from tests.support.parts import SERVERS
from tests.support.scenario import serve
from tests.support.watchers import connected

R = 5  # seconds within which watchers are right
RECHECK = 46  # seconds after which the right to watch a task is asked for again
FIRST = 3  # seconds in which a client must have watched a task


@pytest.mark.row("C5", within=FIRST + 1)
@pytest.mark.parametrize("server", SERVERS)
async def test_c5_clients_send_frames_and_watch_nothing(scenario, server):
    codes = await chatter(scenario, server)
    scenario.passed()
    assert codes == {4408}
    assert FIRST - 1 < scenario.took < FIRST + 1


@pytest.mark.row("C5")
async def test_c5_twin_any_frame_counts(scenario):
    assert await chatter(scenario, "uvicorn", without="first_frame") == {None}


async def chatter(scenario, server, **web):
    """Ten clients unsubscribe from nothing twice a second; the codes with which they are closed."""
    web = serve(scenario, server, values={"FIRST_FRAME": FIRST}, **web)
    clients = [
        await websockets.connect(f"ws://127.0.0.1:{web.port}/ws/progress/", close_timeout=1)
        for _ in range(10)
    ]
    scenario.fault()
    codes = await asyncio.gather(*map(send_on, clients))
    for client in clients:
        client.transport.abort()
    return set(codes)


async def send_on(client):
    """Send until the server closes the connection; the code, or None after twice the time."""
    frame = json.dumps({"type": "unsubscribe", "task_id": "nothing"})
    ends = time.monotonic() + 2 * FIRST
    with suppress(websockets.ConnectionClosed):
        while time.monotonic() < ends:
            await client.send(frame)
            await asyncio.sleep(0.5)
    return client.close_code


TOKENS = 100
LIFETIME = 80  # seconds of a token; a token that is half over is renewed


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row("C6", within=RECHECK + R)
async def test_c6_a_page_renews_a_hundred_tokens_at_once(scenario, settings):
    assert await renew(scenario, settings) == TOKENS
    scenario.passed()


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row("C6")
async def test_c6_twin_replies_are_dropped(scenario, settings):
    assert await renew(scenario, settings, without="replies") < TOKENS


async def renew(scenario, settings, **web):
    """How many tokens a client that watches a hundred tasks is sent in time."""
    settings.PROGRESS_TOKEN_LIFETIME = LIFETIME
    web = scenario.web(TOKEN_LIFETIME=LIFETIME, **web)
    renewed = set()
    async with websockets.connect(f"ws://127.0.0.1:{web.port}/ws/progress/") as client:
        for number in range(TOKENS):
            await client.send(rights.subscribe(f"task-{number}"))
        scenario.fault()
        with suppress(TimeoutError):
            async with asyncio.timeout(RECHECK + R):
                while len(renewed) < TOKENS:
                    frame = json.loads(await client.recv())
                    if frame["type"] == "token":
                        renewed.add(frame["task_id"])
    return len(renewed)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row("S4", within=R)
async def test_s4_the_database_is_down_when_rights_are_asked_for_again(scenario):
    watchers = await lose_database(scenario)
    end = await scenario.outcome(watchers, within=R)
    assert end["state"] == "SUCCESS"
    assert {watcher.connections for watcher in watchers} == {1}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row("S4")
async def test_s4_twin_a_rule_that_fails_denies(scenario):
    await scenario.breaks(await lose_database(scenario, without="trust"), within=R)


@contextmanager
def away(folder):
    """The database's file is not where it was."""
    moved = folder.rename(f"{folder}-away")
    yield
    moved.rename(folder)


async def lose_database(scenario, **web):
    """The database goes away when a task begins; the rule is asked again before the task ends."""
    folder = scenario.folder / "database"
    folder.mkdir()
    values = {"PERMISSION": "tests.faults.permission.in_database"}
    env = {"TEST_DATABASE": folder / "site.sqlite3"}
    web = serve(scenario, values=values, env=env, **web)
    busy = scenario.worker()
    task_id = scenario.start("quiet", RECHECK + R)
    watchers = watch(scenario, task_id, web)
    await asyncio.gather(*(each.until(lambda event: event["current"]) for each in watchers))
    scenario.stack.enter_context(away(folder))
    await asyncio.sleep(RECHECK)
    await asyncio.to_thread(busy.wait_for, lambda: busy.seconds(task_id))
    scenario.fault()
    return watchers


CROWD = 950  # sockets; a rule that takes 50 ms is asked for them in 12 s
SOON = 18  # seconds from the change of rights to the end of the task


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.row("S5", within=SOON + R)
async def test_s5_everybody_is_rechecked_by_a_slow_rule(scenario):
    watchers = await recheck_all(scenario)
    end = await scenario.outcome(watchers, within=SOON + R)
    assert end["state"] == "SUCCESS"


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.row("S5")
async def test_s5_twin_the_time_in_the_queue_counts(scenario):
    await scenario.breaks(await recheck_all(scenario, without="paced"), within=SOON + R)


async def recheck_all(scenario, **web):
    """A thousand clients, who do not come back, watch a task when rights have changed."""
    web = scenario.web(PERMISSION="tests.faults.permission.slow", **web)
    worker(scenario)
    watchers = []
    for _ in range(5):  # few enough at once for the rule
        some = watch(scenario, "crowded", web, kind=Loyal, count=CROWD // 5)
        await connected(some)
        watchers += some
    scenario.start("quiet", SOON, task_id="crowded")
    await asyncio.gather(*(each.until(lambda event: event["current"]) for each in watchers))
    start(scenario, "recheck_all")
    scenario.fault()
    return watchers
