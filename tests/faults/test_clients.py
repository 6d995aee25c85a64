"""Rows C1, C2 and C4: clients that do not read, and what stands between them and the server."""

import asyncio
import json
import signal
import time
from collections import Counter
from contextlib import suppress
from statistics import quantiles

import pytest
import websockets

from tests.faults.kinds import Jittered, Loyal, Punctual, Timed, stop_reading, watch
from tests.support.network import IDLE, Halving, Idle
from tests.support.nginx import Nginx
from tests.support.parts import SERVERS
from tests.support.scenario import serve
from tests.support.watchers import RemoteWatcher

R = 5  # seconds within which watchers are right again
PONG = 55  # seconds until Daphne drops a client that answers no ping: 20 + 30, and its clock
STUCK = 80  # seconds: the kernel takes 2.6 MB, 40 s at our pace; then a frame may wait for 30
ALLOWED = 5e6  # bytes that a client who does not read may cost
#: The servers' own pings, which would keep a link alive, or end it, besides ours.
UNPINGED = {"daphne": ["--ping-interval", 10**6], "uvicorn": ["--ws-ping-interval", "0"]}


async def flood(scenario, server, **web):
    """A hundred tasks at once in one server, and watchers of three of them."""
    web = serve(scenario, server, **web)
    scenario.worker(pool="threads", options=("-c", "100"))
    task_ids = [scenario.start("count_ignored", 800, 0.1) for _ in range(100)]
    others = [watch(scenario, task_id, web, kind=Timed, count=2) for task_id in task_ids[:3]]
    await asyncio.gather(
        *(group[0].until(lambda event: event["current"] >= 10) for group in others)
    )
    return web, task_ids, others


async def stop_four(scenario, web, task_ids):
    """Four clients have the server hear of all the tasks, and stop reading."""
    slow = [await stop_reading(web, task_ids) for _ in range(4)]
    for client in slow:
        scenario.stack.callback(client.transport.abort)
    while heard_of(scenario) < len(task_ids):
        await asyncio.sleep(0.1)
    scenario.fault()
    return slow


def heard_of(scenario):
    """How many groups the web servers are in."""
    with scenario.store.client() as store:
        return len(store.pubsub_channels())


async def cost_until_left(scenario, web, before, *, within):
    """Bytes that each of the four took at most, until the server is done with them."""
    cost = 0
    async with asyncio.timeout(within):
        while heard_of(scenario) > 10:
            cost = max(cost, web.resident_bytes() - before)
            await asyncio.sleep(0.2)
    scenario.passed()
    return cost / 4


async def drain(client):
    """Read on until the connection ends; how it ended."""
    with suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(20):
            while True:
                await client.recv()
    return client.close_code


async def check_others(scenario, others, *, within):
    """They saw everything in time, and the outcomes."""
    took = scenario.took
    lags = [lag for group in others for watcher in group for lag in watcher.lags[1:]]
    assert quantiles(lags, n=100)[98] < 0.25
    outcomes = await scenario.outcomes(others, within=within)
    assert {outcome["state"] for outcome in outcomes} == {"SUCCESS"}
    assert {watcher.connections for group in others for watcher in group} == {1}
    scenario.took = took


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("server", "within", "code"),
    [
        pytest.param("daphne", PONG, 1006, marks=pytest.mark.row("C1", within=PONG)),
        pytest.param("uvicorn", STUCK, 4508, marks=pytest.mark.row("C1", within=STUCK)),
    ],
)
async def test_c1_clients_stop_reading(scenario, server, within, code):
    """Daphne drops them itself, uvicorn without pings leaves that to us."""
    options = UNPINGED["uvicorn"] if server == "uvicorn" else ()
    web, task_ids, others = await flood(scenario, server, options=options)
    before = web.resident_bytes()
    slow = await stop_four(scenario, web, task_ids)
    cost = await cost_until_left(scenario, web, before, within=within)
    assert cost < ALLOWED
    assert {await drain(client) for client in slow} == {code}
    await check_others(scenario, others, within=180)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.row("C1")
async def test_c1_twin_daphne_is_sent_everything_at_once(scenario):
    web, task_ids, _ = await flood(scenario, "daphne", without="pace")
    before = web.resident_bytes()
    await stop_four(scenario, web, task_ids)
    cost = await cost_until_left(scenario, web, before, within=PONG)
    scenario.took = None
    assert cost > ALLOWED


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.row("C1")
async def test_c1_twin_a_frame_may_wait_for_ever(scenario):
    options = UNPINGED["uvicorn"]
    web, task_ids, _ = await flood(scenario, "uvicorn", without="slow", options=options)
    await stop_four(scenario, web, task_ids)
    with pytest.raises(TimeoutError):
        await cost_until_left(scenario, web, 0, within=STUCK)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.row("C1", within=15 + 2 * R)
@pytest.mark.parametrize("server", SERVERS)
async def test_c1_clients_do_not_read_for_15_s(scenario, server):
    """They get the newest states over the same connection, after 1.5 MB in pieces of 4 KB."""
    web, task_ids, others = await flood(scenario, server)
    slow = await stop_four(scenario, web, task_ids)
    await asyncio.sleep(15)
    async with asyncio.timeout(2 * R):
        await asyncio.gather(*(catch_up(client, task_ids) for client in slow))
    scenario.passed()
    await check_others(scenario, others, within=180)


async def catch_up(client, task_ids):
    """Read until of each task there was a state that is younger than two seconds."""
    behind = set(task_ids)
    while behind:
        frame = json.loads(await client.recv())
        if frame["type"] == "progress" and time.time() - frame["version"] / 1e6 < 2:
            behind.discard(frame["task_id"])


def is_counting(event):
    return event["state"] == "PROGRESS" and event["current"] >= 10


async def behind(scenario, proxy, *, server="daphne", kind=RemoteWatcher):
    """Watchers of a task of 7 s through the proxy that this makes of the web server."""
    web = serve(scenario, server)
    proxy = await proxy(web)
    scenario.worker()
    watchers = watch(scenario, scenario.start("count", 140, 0.05), web, kind=kind, port=proxy.port)
    await asyncio.gather(*(watcher.until(is_counting) for watcher in watchers))
    scenario.fault()
    return proxy, watchers


async def check_resync(scenario, watchers):
    """They come back once, see how far it is, and the outcome."""
    seen = max(watcher.newest["version"] for watcher in watchers)
    await scenario.everybody(watchers, lambda event: event["version"] > seen, within=R)
    took = scenario.took
    assert not any(watcher.newest["complete"] for watcher in watchers)
    assert (await scenario.outcome(watchers, within=15))["state"] == "SUCCESS"
    assert [watcher.connections for watcher in watchers] == [2, 2, 2]
    scenario.took = took


@pytest.mark.row("C2", within=R)
@pytest.mark.parametrize("server", SERVERS)
async def test_c2_a_proxy_resets_its_connections(scenario, server):
    proxy, watchers = await behind(scenario, lambda web: scenario.proxy(web.port), server=server)
    proxy.cut()
    await check_resync(scenario, watchers)


@pytest.mark.row("C2")
async def test_c2_twin_clients_do_not_reconnect_after_a_reset(scenario):
    proxy, watchers = await behind(scenario, lambda web: scenario.proxy(web.port), kind=Loyal)
    proxy.cut()
    await scenario.breaks(watchers, within=15)


@pytest.mark.row("C2", within=R)
@pytest.mark.parametrize("to_server", [True, False])
@pytest.mark.parametrize("server", SERVERS)
async def test_c2_a_proxy_closes_one_direction(scenario, server, to_server):
    proxy, watchers = await behind(
        scenario, lambda web: scenario.proxy(web.port, Halving), server=server
    )
    proxy.halve(to_server=to_server)
    await check_resync(scenario, watchers)


@pytest.mark.row("C2", within=R)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_c2_nginx_is_restarted(scenario, number):
    async def nginx(web):
        return scenario.stack.enter_context(Nginx(scenario.folder, web.port))

    nginx, watchers = await behind(scenario, nginx)
    nginx.process.send_signal(number)
    await asyncio.to_thread(nginx.process.wait, 5)
    nginx.start()
    await check_resync(scenario, watchers)


async def idle(scenario, server, **web):
    """Watchers of a task that says nothing for 70 s, behind proxies that are impatient."""
    web = serve(scenario, server, options=UNPINGED[server], **web)
    scenario.worker()
    proxies = [
        await scenario.proxy(web.port, Idle),
        scenario.stack.enter_context(Nginx(scenario.folder, web.port)),
    ]
    task_id = scenario.start("quiet", IDLE + 10)
    groups = [watch(scenario, task_id, web, port=proxy.port) for proxy in proxies]
    await asyncio.gather(
        *(each.until(lambda event: event["current"]) for group in groups for each in group)
    )
    scenario.fault()
    outcome = await scenario.outcome(groups[0] + groups[1], within=IDLE + 10 + R)
    assert outcome["state"] == "SUCCESS"
    return [{watcher.connections for watcher in group} for group in groups]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.row("C2", within=IDLE + 10 + R)
@pytest.mark.parametrize("server", SERVERS)
async def test_c2_a_proxy_cuts_connections_that_are_silent_for_60_s(scenario, server):
    """Which no link is, by our pings alone."""
    assert await idle(scenario, server) == [{1}, {1}]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.row("C2")
async def test_c2_twin_without_pings(scenario):
    assert await idle(scenario, "daphne", without="ping") == [{2}, {2}]
    scenario.took = None


async def cut_thousand(scenario, *, server="daphne", kind=Jittered, **web):
    """A thousand watchers of ten tasks, cut all at once.

    Returns the server, the groups, and how often a task was looked at until all were right again.
    """
    web = serve(scenario, server, **web)
    proxy = await scenario.proxy(web.port)
    scenario.worker(pool="threads", options=("-c", "10"))
    task_ids = [scenario.start("count", 50, 1) for _ in range(10)]
    groups = [
        watch(scenario, task_id, web, kind=kind, count=100, port=proxy.port) for task_id in task_ids
    ]
    watchers = [watcher for group in groups for watcher in group]
    await asyncio.gather(*(watcher.until(lambda event: event["current"]) for watcher in watchers))
    for watcher in watchers:
        watcher.waits.clear()
    before, now = looks(scenario), time.time() * 1e6
    scenario.fault()
    proxy.cut()
    await scenario.everybody(watchers, lambda event: event["version"] > now, within=15)
    return web, groups, looks(scenario) - before


def looks(scenario):
    """How often a running task was looked at in the store so far: only that asks for its score."""
    with scenario.store.client() as store:
        return store.info("commandstats")["cmdstat_zscore"]["calls"]


def crowd(groups):
    """The largest part of them that meant to come back in the same tenth of a second.

    When they did is no measure, as they all share this process.
    """
    waits = [int(watcher.waits[0] * 10) for group in groups for watcher in group]
    return max(Counter(waits).values()) / len(waits)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.alone
@pytest.mark.row("C4", within=15)
@pytest.mark.parametrize("server", SERVERS)
async def test_c4_a_thousand_sockets_are_cut_at_once(scenario, server):
    web, groups, count = await cut_thousand(scenario, server=server)
    took = scenario.took
    assert count < 100, "ten tasks, looked at twice, and once in each period"
    assert crowd(groups) < 0.3
    assert {watcher.connections for group in groups for watcher in group} == {2}
    outcomes = await scenario.outcomes(groups, within=80)
    assert {outcome["state"] for outcome in outcomes} == {"SUCCESS"}
    assert "Traceback" not in web.log.read_text()
    scenario.took = took


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.alone
@pytest.mark.row("C4")
async def test_c4_twin_the_store_is_read_for_each_watcher(scenario):
    _, _, count = await cut_thousand(scenario, without="coalesced")
    scenario.took = None
    assert count > 200


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.alone
@pytest.mark.row("C4")
async def test_c4_twin_clients_reconnect_at_the_same_time(scenario):
    _, groups, _ = await cut_thousand(scenario, kind=Punctual)
    scenario.took = None
    assert crowd(groups) > 0.3
