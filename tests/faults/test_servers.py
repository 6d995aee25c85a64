"""Rows S1 to S3: the web servers, and what else runs in them."""

import asyncio
import signal
from contextlib import asynccontextmanager, suppress
from statistics import quantiles

import pytest
import websockets

from tests.faults.kinds import Brisk, Loyal, Patient, Timed, watch
from tests.support.parts import SERVERS
from tests.support.scenario import serve
from tests.support.watchers import RemoteWatcher

R = 5  # seconds within which watchers are right again
SILENCE = 50  # seconds after which a client takes its server for lost: 2.5 pings
NEVER = 1e9
ENDS = [signal.SIGTERM, signal.SIGKILL]


def later_than(watcher):
    """Newer than what the watcher has now, and on its way."""
    newest = watcher.newest["version"]
    return lambda event: event["version"] > newest and event["state"] == "PROGRESS"


async def end(web, number):
    """The server ends by that signal, soon."""
    web.process.send_signal(number)
    await asyncio.to_thread(web.process.wait, 5)


async def lose_server(scenario, server, number, *, kind=RemoteWatcher):
    """One of two servers ends in the middle of a task; its watchers, who know both."""
    first, second = [serve(scenario, server, name=name) for name in ("first", "second")]
    scenario.worker()
    watchers = watch(scenario, scenario.start("count", 140, 0.05), first, second, kind=kind)
    await asyncio.gather(*(each.until(lambda event: event["current"] >= 10) for each in watchers))
    scenario.fault()
    await end(first, number)
    return watchers


@pytest.mark.row("S1", within=R)
@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("server", SERVERS)
async def test_s1_a_server_ends(scenario, server, number):
    watchers = await lose_server(scenario, server, number)
    await scenario.everybody(watchers, later_than(watchers[0]), within=R)
    took = scenario.took
    outcome = await scenario.outcome(watchers, within=15)
    scenario.took = took
    assert (outcome["state"], outcome["current"]) == ("SUCCESS", 140)
    assert [watcher.connections for watcher in watchers] == [2, 2, 2]


@pytest.mark.row("S1")
async def test_s1_twin_clients_do_not_reconnect(scenario):
    watchers = await lose_server(scenario, "daphne", signal.SIGTERM, kind=Loyal)
    await scenario.breaks(watchers, within=15)


async def restart_each(scenario, server, *, kind=RemoteWatcher):
    """Two servers are restarted one after the other, while a task ends every 0.3 s."""
    webs = [serve(scenario, server, name=name) for name in ("first", "second")]
    scenario.worker(pool="threads", options=("-c", "30"))
    task_ids = [scenario.start("count", 60 + 6 * number, 0.05) for number in range(30)]
    groups = [watch(scenario, task_id, *webs, kind=kind, count=2) for task_id in task_ids]
    await asyncio.gather(*(group[0].until(lambda event: event["current"]) for group in groups))
    scenario.fault()
    for web in webs:
        await end(web, signal.SIGTERM)
        await asyncio.to_thread(web.start)
    return groups


@pytest.mark.row("S1", within=R)
@pytest.mark.parametrize("server", SERVERS)
async def test_s1_servers_are_restarted_one_after_the_other(scenario, server):
    groups = await restart_each(scenario, server)
    scenario.fault()
    outcomes = await scenario.outcomes(groups, within=20)
    assert {outcome["state"] for outcome in outcomes} == {"SUCCESS"}
    assert max(watcher.connections for group in groups for watcher in group) >= 3
    scenario.took = max(watcher.lag for group in groups for watcher in group)
    assert scenario.took < R


@pytest.mark.row("S1")
async def test_s1_twin_clients_do_not_reconnect_after_restarts(scenario):
    groups = await restart_each(scenario, "daphne", kind=Loyal)
    scenario.fault()
    await scenario.breaks(*groups, within=20)


async def end_unseen(scenario, server, **web):
    """The task ends while its only server is away; watchers of it when that is back."""
    web = serve(scenario, server, **web)
    worker = scenario.worker()
    task_id = scenario.start("count", 40, 0.05)
    watchers = scenario.watch(task_id, web)
    await watchers[0].until(lambda event: event["current"] >= 10)
    web.kill()
    worker.wait_for(lambda: worker.seconds(task_id))
    web.start()
    scenario.fault()
    return watchers


@pytest.mark.row("S1", within=R)
@pytest.mark.parametrize("server", SERVERS)
async def test_s1_the_task_ends_while_no_server_runs(scenario, server):
    watchers = await end_unseen(scenario, server)
    outcome = await scenario.outcome(watchers, within=R)
    assert (outcome["state"], outcome["current"]) == ("SUCCESS", 40)


@pytest.mark.row("S1")
async def test_s1_twin_without_a_snapshot(scenario):
    """Nobody looks at the store for those who come, nor now and then."""
    watchers = await end_unseen(scenario, "daphne", without="snapshot", values={"RECONCILE": NEVER})
    await scenario.breaks(watchers, within=R)


async def before_freeze(scenario, *, server="daphne", kind=RemoteWatcher):
    """The first of two servers, and its watchers of a task of 20 s who know both."""
    first, second = [serve(scenario, server, name=name) for name in ("first", "second")]
    scenario.worker()
    watchers = watch(scenario, scenario.start("count", 400, 0.05), first, second, kind=kind)
    await asyncio.gather(*(each.until(lambda event: event["current"] >= 10) for each in watchers))
    return first, watchers


@pytest.mark.slow
@pytest.mark.row("S2", within=SILENCE)
@pytest.mark.parametrize("server", SERVERS)
async def test_s2_a_server_is_frozen_for_40_s(scenario, server):
    web, watchers = await before_freeze(scenario, server=server)
    scenario.fault()
    with web.frozen():
        await asyncio.sleep(40)
    outcome = await scenario.outcome(watchers, within=SILENCE)
    assert outcome["state"] == "SUCCESS"
    assert max(watcher.connections for watcher in watchers) <= 2


async def freeze_for_good(scenario, *, server="daphne", kind=Brisk):
    web, watchers = await before_freeze(scenario, server=server, kind=kind)
    scenario.fault()
    web.signal(signal.SIGSTOP)
    return watchers


@pytest.mark.slow
@pytest.mark.row("S2", within=SILENCE + 1)
@pytest.mark.parametrize("server", SERVERS)
async def test_s2_a_server_is_frozen_for_good(scenario, server):
    """The clients go to the other when they have heard nothing for 50 s, which takes a second."""
    watchers = await freeze_for_good(scenario, server=server)
    outcome = await scenario.outcome(watchers, within=SILENCE + 1)
    assert outcome["state"] == "SUCCESS"
    assert [watcher.connections for watcher in watchers] == [2, 2, 2]


@pytest.mark.slow
@pytest.mark.row("S2")
async def test_s2_twin_clients_ignore_silence(scenario):
    watchers = await freeze_for_good(scenario, kind=Patient)
    await scenario.breaks(watchers, within=SILENCE + R)


@asynccontextmanager
async def neighbours(web, count=5):
    """So many sockets of other consumers in the server look into the database all the time."""
    looks = [asyncio.create_task(look_always(web)) for _ in range(count)]
    yield
    for task in looks:
        task.cancel()
    await asyncio.gather(*looks, return_exceptions=True)


async def look_always(web):
    while True:
        with suppress(OSError, websockets.WebSocketException):
            url = f"ws://127.0.0.1:{web.port}/ws/neighbour/"
            async with websockets.connect(url, close_timeout=0.1) as socket:
                while True:
                    await socket.send("look")
                    await socket.recv()
        await asyncio.sleep(0.1)


async def share_server(scenario, database, *, server="daphne", without=""):
    """Ten watchers of five tasks in a server whose database is as told; how late events were.

    Half of the watchers come before the trouble, half in the middle of it.
    """
    module = "tests.faults.shared_web"
    web = serve(scenario, server, module=module, without=without, env={"SHARED_DATABASE": database})
    scenario.worker(pool="threads", options=("-c", "5"))
    task_ids = [scenario.start("count", 240, 0.05) for _ in range(5)]
    early = [watch(scenario, task_id, web, kind=Timed, count=1) for task_id in task_ids]
    await asyncio.gather(*(group[0].until(lambda event: event["current"]) for group in early))
    async with neighbours(web):
        scenario.fault()
        late = [watch(scenario, task_id, web, kind=Timed, count=1) for task_id in task_ids]
        groups = [a + b for a, b in zip(early, late, strict=True)]
        outcomes = await scenario.outcomes(groups, within=25)
    assert {outcome["state"] for outcome in outcomes} == {"SUCCESS"}
    # The first event a late watcher gets is as old as it is.
    lags = [lag for group in groups for watcher in group for lag in watcher.lags[1:]]
    scenario.took = quantiles(lags, n=100)[98]
    return web, lags


@pytest.mark.slow
@pytest.mark.row("S3", within=0.1)
@pytest.mark.parametrize("database", ["slow", "down"])
@pytest.mark.parametrize("server", SERVERS)
async def test_s3_other_consumers_wait_for_the_database(scenario, server, database):
    web, lags = await share_server(scenario, database, server=server)
    assert len(lags) > 5 * 90 * 2
    assert scenario.took < 0.1
    trouble = {"slow": b"", "down": b"unable to open database file"}[database]
    assert trouble in web.log.read_bytes()


@pytest.mark.slow
@pytest.mark.row("S3")
async def test_s3_twin_events_use_the_database_thread(scenario):
    """As they do in Channels' own consumers: they are late, or do not come within 25 s."""
    with suppress(TimeoutError):
        await share_server(scenario, "slow", without="hop")
        assert scenario.took > 1
    scenario.took = None


@pytest.mark.slow
@pytest.mark.row("S3")
async def test_s3_twin_events_query_the_database(scenario):
    with pytest.raises(TimeoutError):
        await share_server(scenario, "down", without="asked")
