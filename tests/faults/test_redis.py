"""Rows F1 to F9: Redis, and the way to it."""

import asyncio
from functools import partial

import pytest

from tests.support.network import DROPPING, Far, dropped
from tests.support.ports import free_port

R = 5  # seconds within which watchers are right again, whatever the layer lost
P = 7  # seconds until a link that says nothing is noticed
NEVER = 1e9


def is_progress(event):
    return event["state"] == "PROGRESS"


def steps(seconds):
    """Arguments of ``count`` for a task of that length."""
    return int(seconds * 20), 0.05


@pytest.mark.row("F1", within=6)
async def test_f1_redis_is_killed_and_comes_back_empty(scenario):
    web, worker = scenario.web(), scenario.worker()
    task_id = scenario.start("count", 100, 0.05)
    watchers = scenario.watch(task_id, web)
    await watchers[0].until(lambda event: event["current"] >= 10)
    scenario.store.kill()
    await watchers[0].until(lambda event: event["current"] >= 10)
    scenario.store.start()
    scenario.fault()
    news = await watchers[0].until(lambda event: event["current"] > 60, within=6)
    assert news["state"] == "PROGRESS"
    end = await scenario.outcome(watchers, within=12)
    assert (end["state"], end["current"]) == ("SUCCESS", 100)
    assert [watcher.connections for watcher in watchers] == [1, 1, 1]
    assert worker.process.poll() is None


@pytest.mark.slow
@pytest.mark.row("F1")
async def test_f1_twin_versions_count_from_one(scenario):
    web = scenario.web()
    scenario.worker(without="clock")
    watchers = scenario.watch(scenario.start("count", *steps(15)), web)
    await watchers[0].until(lambda event: event["current"] >= 140)
    scenario.store.kill()
    scenario.store.start()
    with pytest.raises(TimeoutError):
        await watchers[0].until(lambda event: event["current"] >= 160, within=R + 1)


@pytest.mark.row("F2", within=10)
async def test_f2_redis_is_down_until_the_task_has_ended(scenario):
    web = scenario.web()
    worker = scenario.worker()
    task_id = scenario.start("count", 40, 0.05)
    watchers = scenario.watch(task_id, web)
    await watchers[0].until(lambda event: event["current"] >= 10)
    scenario.store.kill()
    worker.wait_for(lambda: b"succeeded in" in worker.log.read_bytes())
    scenario.store.start()
    scenario.fault()
    end = await scenario.outcome(watchers, within=10)
    assert (end["state"], end["current"]) == ("SUCCESS", 40)


@pytest.mark.slow
@pytest.mark.row("F2")
async def test_f2_twin_the_worker_tries_once_and_celery_is_not_asked(scenario):
    web = scenario.web(without="settle")
    worker = scenario.worker(without="keep")
    task_id = scenario.start("count", *steps(2))
    watchers = scenario.watch(task_id, web)
    await watchers[0].until(lambda event: event["current"] >= 10)
    scenario.store.kill()
    worker.wait_for(lambda: worker.seconds(task_id))
    with pytest.raises(TimeoutError):  # what it tried while the server was away is gone
        await watchers[0].outcome(within=2)
    scenario.store.start()
    scenario.fault()
    await scenario.breaks(watchers, within=2 * R)


async def freeze(scenario, seconds, first=3, **worker):
    """One task ends while the store is frozen, another goes on for eight seconds after.

    Celery has no record of their results that could help out. Besides the tasks' watchers: how
    much longer each took than a process that reports nothing, to be asked when they have ended.
    """
    web, worker = scenario.web(), scenario.worker(**worker)
    lengths = [steps(first), steps(seconds + 8)]
    task_ids = [scenario.start("count_ignored", *length) for length in lengths]
    silent = [scenario.silence(*length) for length in lengths]
    groups = [scenario.watch(task_id, web) for task_id in task_ids]
    await asyncio.gather(*(group[0].until(is_progress) for group in groups))
    with scenario.store.frozen():
        await asyncio.sleep(seconds)
    scenario.fault()

    def longer(number):
        worker.wait_for(lambda: worker.seconds(task_ids[number]))
        return worker.seconds(task_ids[number]) - silent[number].seconds()

    return groups, longer


async def check_freeze(scenario, seconds):
    (short, long), longer = await freeze(scenario, seconds)
    live, end = await asyncio.gather(
        long[0].live(within=R + 5), scenario.outcome(short, within=R + 5)
    )
    took = max(live, scenario.took)
    assert end["state"] == (await scenario.outcome(long, within=R + 10))["state"] == "SUCCESS"
    scenario.took = took
    assert {watcher.connections for watcher in short + long} == {1}
    assert max(longer(0), longer(1)) < 1


@pytest.mark.slow
@pytest.mark.row("F3", within=R + 5)
async def test_f3_redis_is_frozen_for_8_s(scenario):
    await check_freeze(scenario, 8)


@pytest.mark.slow
@pytest.mark.row("F3", within=R + 5)
async def test_f3_redis_is_frozen_for_60_s(scenario):
    await check_freeze(scenario, 60)


@pytest.mark.slow
@pytest.mark.row("F3")
async def test_f3_twin_reports_wait_for_the_store(scenario):
    (short, _), longer = await freeze(scenario, 8, without="background")
    await scenario.outcome(short, within=R + 5)
    scenario.took = None
    assert longer(0) > 1


@pytest.mark.slow
@pytest.mark.row("F3")
async def test_f3_twin_the_worker_tries_once(scenario):
    # What is sent on an open connection, the store finds and takes when it thaws. So the task ends
    # after the first try, which a message to the layer may hold up for 5 s, and no sign of life has
    # opened a second one. The second try ends after 22 s.
    (short, _), _ = await freeze(scenario, 27, first=7, without="keep", HEARTBEAT=60)
    await scenario.breaks(short, within=R + 5)


async def cut_subscriptions(store, times=20):
    """CLIENT KILL TYPE pubsub, again and again."""
    with store.client() as client:
        for _ in range(times):
            client.client_kill_filter(_type="pubsub")
            await asyncio.sleep(0.3)


async def kill_subscriptions(scenario, **web):
    """Sixteen tasks end one after the other while the layer's subscriptions are killed."""
    web = scenario.web(**web)
    scenario.worker(pool="threads", options=("-c", "16"))
    task_ids = [scenario.start("count", 30 + 6 * number, 0.05) for number in range(16)]
    groups = [scenario.watch(task_id, web, count=2) for task_id in task_ids]
    await asyncio.gather(*(group[0].until(is_progress) for group in groups))
    scenario.fault()
    await cut_subscriptions(scenario.store)
    return groups


@pytest.mark.row("F4", within=R)
async def test_f4_subscriptions_are_killed_while_tasks_publish(scenario):
    groups = await kill_subscriptions(scenario)
    scenario.fault()
    ends = await scenario.outcomes(groups, within=R)
    assert {end["state"] for end in ends} == {"SUCCESS"}
    scenario.took = max(watcher.lag for group in groups for watcher in group)
    assert scenario.took < R
    assert {watcher.connections for group in groups for watcher in group} == {1}


@pytest.mark.row("F4")
async def test_f4_twin_the_store_is_not_read_again(scenario):
    groups = await kill_subscriptions(scenario, RECONCILE=NEVER, without="probe renewal")
    scenario.fault()
    await scenario.breaks(*groups, within=R)


async def where_packets_drop(scenario, length, **web):
    """A web server whose way to Redis can fail, a task of that length, and the server's pulse."""
    web = scenario.web(host=DROPPING, **web)
    scenario.worker()
    watchers = scenario.watch(scenario.start("count", *steps(length)), web)
    await watchers[0].live()
    pulse = await scenario.pulse(web)
    scenario.fault()
    return watchers, pulse


async def check_drop(scenario, watchers, pulse):
    scenario.fault()
    took = await watchers[0].live(within=30)
    assert (await scenario.outcome(watchers, within=90))["state"] == "SUCCESS"
    assert {watcher.connections for watcher in watchers} == {1}
    assert pulse.worst < 0.25
    assert pulse.busiest < 0.5
    scenario.took = took


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row("F5", within=30)
async def test_f5_packets_of_open_connections_are_dropped(scenario):
    """Kept up by the probe (7 s) and by the layer's settings (18 s), by each alone as well."""
    watchers, pulse = await where_packets_drop(scenario, 75)
    with dropped(scenario.store.port, only_open=True):
        await check_drop(scenario, watchers, pulse)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.row("F5", within=30)
async def test_f5_redis_is_unreachable_for_120_s(scenario):
    watchers, pulse = await where_packets_drop(scenario, 155)
    with dropped(scenario.store.port, only_open=False):
        await asyncio.sleep(120)
    await check_drop(scenario, watchers, pulse)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.row("F5")
async def test_f5_twin_the_layer_has_default_settings_and_no_probe(scenario):
    """The keepalive ends the connection after 45 s, and only then another is opened."""
    watchers, _ = await where_packets_drop(scenario, 75, without="layer probe")
    with dropped(scenario.store.port, only_open=True), pytest.raises(TimeoutError):
        await watchers[0].live(within=30)


async def swallow(scenario, *, layer_only, **web):
    """The network takes what the web server's links to Redis carry, and drops it."""
    proxy = await scenario.proxy(scenario.store.port)
    ports = {"layer_port" if layer_only else "port": proxy.port}
    web = scenario.web(**ports, **web)
    scenario.worker(options=("-c", "2"))
    # One ends before the link is noticed to be deaf; the other long after.
    begun = [await scenario.begin("count", *steps(length), web=web) for length in (P + R + 8, 3.5)]
    long, short = [watchers for _, watchers in begun]
    await asyncio.gather(long[0].live(), short[0].live())
    scenario.fault()
    proxy.swallow()
    return short, long


@pytest.mark.slow
@pytest.mark.row("F6", within=P + R)
@pytest.mark.parametrize("layer_only", [True, False])
async def test_f6_connections_to_redis_swallow_everything(scenario, layer_only):
    short, long = await swallow(scenario, layer_only=layer_only)
    live, end = await asyncio.gather(
        long[0].live(within=P + R), scenario.outcome(short, within=P + R)
    )
    took = scenario.took
    assert end["state"] == "SUCCESS"
    assert (await scenario.outcome(long, within=P + R + 12))["state"] == "SUCCESS"
    scenario.took = max(live, took)
    assert {watcher.connections for watcher in short + long} == {1}


@pytest.mark.slow
@pytest.mark.row("F6")
@pytest.mark.parametrize("layer_only", [True, False])
async def test_f6_twin_without_the_probe(scenario, layer_only):
    _, long = await swallow(scenario, layer_only=layer_only, without="probe")
    with pytest.raises(TimeoutError):
        await long[0].live(within=P + R)


@pytest.mark.slow
@pytest.mark.row("F6")
async def test_f6_twin_without_probes_and_reads_of_the_store(scenario):
    short, _ = await swallow(scenario, layer_only=True, RECONCILE=NEVER, without="probe")
    await scenario.breaks(short, within=P + R)


@pytest.mark.slow
@pytest.mark.row("F6")
async def test_f6_twin_the_store_has_no_timeouts(scenario):
    short, _ = await swallow(scenario, layer_only=False, without="timeouts")
    await scenario.breaks(short, within=P + R)


async def empty(scenario, *, at=20, **worker):
    """FLUSHALL while one task counts and another is quiet; the watchers of both."""
    web = scenario.web()
    scenario.worker(**worker)
    task_ids = [scenario.start("count", *steps(14)), scenario.start("quiet", 14)]
    busy, quiet = [scenario.watch(task_id, web) for task_id in task_ids]
    await asyncio.gather(
        busy[0].until(lambda event: event["current"] >= at), quiet[0].until(is_progress)
    )
    with scenario.store.client() as client:
        client.flushall()
        client.script_flush()
    scenario.fault()
    return task_ids, busy, quiet


@pytest.mark.slow
@pytest.mark.row("F9", within=R + 1)
async def test_f9_redis_is_emptied(scenario):
    other = scenario.web(name="other")  # it has not seen the tasks before
    task_ids, busy, quiet = await empty(scenario)
    late_busy, late_quiet = [scenario.watch(task_id, other, count=1) for task_id in task_ids]
    await late_busy[0].until(is_progress, within=1)
    await busy[0].live(within=R)
    await late_quiet[0].until(is_progress, within=R + 1)  # a sign of life, due every 5 s
    scenario.passed()
    took = scenario.took
    for group in (busy, quiet):
        assert {event["state"] for event in group[0].events[1:]} <= {"STARTED", "PROGRESS"}
    ends = await scenario.outcomes([busy + late_busy, quiet + late_quiet], within=20)
    assert {end["state"] for end in ends} == {"SUCCESS"}
    scenario.took = took


@pytest.mark.row("F9")
async def test_f9_twin_versions_count_from_one(scenario):
    _, busy, _ = await empty(scenario, at=130, without="clock")
    with pytest.raises(TimeoutError):
        await busy[0].live(within=R)


@pytest.mark.row("F9")
async def test_f9_twin_without_heartbeats(scenario):
    other = scenario.web(name="other")
    [_, task_id], _, _ = await empty(scenario, HEARTBEAT=14)
    [late] = scenario.watch(task_id, other, count=1)
    with pytest.raises(TimeoutError):
        await late.until(is_progress, within=R + 1)


async def join_late(scenario, tasks, delay, *, layer_only, within=R, **web):
    """Watch each task from its last moment on, by a web server that is far from Redis.

    For each the seconds from its outcome until it was seen, or None.
    """
    near, proxy = scenario.web(name="near"), await scenario.proxy(scenario.store.port, Far)
    far = scenario.web(name="far", **{"layer_port" if layer_only else "port": proxy.port}, **web)
    scenario.worker(pool="threads", options=("-c", "20"))
    # Its link is there when it gets slow.
    warm = scenario.start("count", *steps(60))
    await scenario.watch(warm, far, count=1)[0].live()
    totals = [30 + 3 * (number % 20) for number in range(tasks)]
    task_ids = [scenario.start("count", total, 0.05) for total in totals]
    with proxy.delayed(delay):
        scenario.fault()
        async with asyncio.timeout(60):
            return await asyncio.gather(
                *(
                    join_at_the_end(scenario, task_id, total, near, far, within)
                    for task_id, total in zip(task_ids, totals, strict=True)
                )
            )


async def join_at_the_end(scenario, task_id, total, near, far, within):
    [early] = scenario.watch(task_id, near, count=1)
    await early.until(lambda event: event["current"] >= total - 3, within=60)
    [late] = scenario.watch(task_id, far, count=1)
    end = await early.outcome()
    try:
        assert await late.outcome(within=within) == end
    except TimeoutError:
        return None
    late.check()
    return late.lag


@pytest.mark.slow
@pytest.mark.row("F7", within=R)
@pytest.mark.parametrize(
    ("tasks", "delay", "layer_only"),
    [(20, 0.2, True), (200, 0.2, True), (20, 0.2, False), (20, 3, True)],
)
async def test_f7_watchers_join_at_the_end_and_redis_is_far_away(
    scenario, tasks, delay, layer_only
):
    lags = await join_late(scenario, tasks, delay, layer_only=layer_only)
    assert None not in lags
    scenario.took = max(lags)
    assert scenario.took < R


@pytest.mark.slow
@pytest.mark.row("F7", within=R + 6)
async def test_f7_redis_answers_after_3_s(scenario):
    """One look waits for the answer to the one before, and takes as long itself."""
    lags = await join_late(scenario, 20, 1.5, layer_only=False, within=R + 6)
    assert None not in lags
    scenario.took = max(lags)


@pytest.mark.slow
@pytest.mark.row("F7")
async def test_f7_twin_the_store_is_read_once(scenario):
    lags = await join_late(
        scenario, 20, 0.2, layer_only=True, RECONCILE=NEVER, without="confirm probe"
    )
    assert None in lags


def full(client, *, yes):
    """The store has no memory left for writes."""
    client.config_set("maxmemory", 1 if yes else 0)


def read_only(client, *, yes):
    """The store is a replica, of a server that is not there."""
    client.replicaof(*(("127.0.0.1", free_port()) if yes else ("NO", "ONE")))


async def refuse(scenario, refusing, **worker):
    """The store refuses writes in the middle of a task; its watchers, and what ends the fault."""
    web = scenario.web()
    worker = scenario.worker(**worker)
    task_id, watchers = await scenario.begin("count", *steps(6), web=web)
    await watchers[0].live()
    client = scenario.stack.enter_context(scenario.store.client())
    refusing(client, yes=True)
    scenario.fault()
    return task_id, worker, watchers, partial(refusing, client, yes=False)


@pytest.mark.slow
@pytest.mark.row("F8", within=R)
@pytest.mark.parametrize("refusing", [full, read_only])
async def test_f8_the_store_refuses_writes(scenario, refusing):
    task_id, worker, watchers, lift = await refuse(scenario, refusing)
    at = watchers[0].newest["current"]
    await watchers[0].until(lambda event: event["current"] > at + 40, within=R)
    await asyncio.to_thread(worker.wait_for, lambda: worker.seconds(task_id))
    scenario.fault()
    assert (await scenario.outcome(watchers, within=R))["state"] == "SUCCESS"
    lift()
    other = scenario.web(name="other")  # it has only the store to learn it from
    scenario.fault()
    [late] = scenario.watch(task_id, other, count=1)
    assert (await scenario.outcome([late], within=R))["state"] == "SUCCESS"


@pytest.mark.row("F8")
@pytest.mark.parametrize("refusing", [full, read_only])
async def test_f8_twin_only_stored_events_are_sent(scenario, refusing):
    _, _, watchers, _ = await refuse(scenario, refusing, without="refusals")
    at = watchers[0].newest["current"]
    with pytest.raises(TimeoutError):
        await watchers[0].until(lambda event: event["current"] > at + 40, within=R)


async def refuse_signs_of_life(scenario, refusing, **web):
    """The store refuses writes for longer than a quiet task may be silent; who comes then."""
    scenario.worker()
    task_id = scenario.start("quiet", 14)
    first = scenario.watch(task_id, scenario.web(name="first"), count=1)
    await first[0].until(is_progress)
    client = scenario.stack.enter_context(scenario.store.client())
    refusing(client, yes=True)
    await asyncio.sleep(7)
    scenario.fault()
    web = scenario.web(name="other", HEARTBEAT=2, STALLED_AFTER=6, **web)
    return scenario.watch(task_id, web, count=1), partial(refusing, client, yes=False)


@pytest.mark.slow
@pytest.mark.row("F8", within=R)
@pytest.mark.parametrize("refusing", [full, read_only])
async def test_f8_the_store_refuses_heartbeats(scenario, refusing):
    [late], lift = await refuse_signs_of_life(scenario, refusing)
    await late.until(is_progress, within=R)
    scenario.passed()
    took = scenario.took
    lift()
    assert (await scenario.outcome([late], within=30))["state"] == "SUCCESS"
    scenario.took = took


@pytest.mark.slow
@pytest.mark.row("F8")
async def test_f8_twin_a_stalled_task_is_shown_only_when_marked(scenario):
    [late], _ = await refuse_signs_of_life(scenario, full, without="unmarked")
    with pytest.raises(TimeoutError):
        await late.until(is_progress, within=R)


async def evict(scenario, name, **web):
    """The store drops the event of a task that is over; a watcher who comes then."""
    web = scenario.web(**web)
    worker = scenario.worker()
    task_id = scenario.start(name, *steps(1))
    await scenario.watch(task_id, web, count=1)[0].outcome()
    await asyncio.to_thread(worker.wait_for, lambda: worker.seconds(task_id))
    with scenario.store.client() as client:
        assert client.delete(f"progress:event:{task_id}")
    scenario.fault()
    [late] = scenario.watch(task_id, web, count=1)
    return late


def is_unknown(event):
    return event["state"] == "UNKNOWN"


@pytest.mark.row("F8", within=R)
async def test_f8_an_event_is_evicted_and_celery_has_no_result(scenario):
    late = await evict(scenario, "count_ignored")
    await late.until(is_unknown, within=R)
    scenario.passed()


@pytest.mark.row("F8")
async def test_f8_twin_a_missing_event_is_not_reported(scenario):
    late = await evict(scenario, "count_ignored", without="missed")
    with pytest.raises(TimeoutError):
        await late.until(is_unknown, within=R)


@pytest.mark.row("F8", within=R)
async def test_f8_an_event_is_evicted_and_celery_has_the_result(scenario):
    late = await evict(scenario, "count")
    assert (await scenario.outcome([late], within=R))["state"] == "SUCCESS"


@pytest.mark.row("F8")
async def test_f8_twin_celery_is_not_asked(scenario):
    await scenario.breaks([await evict(scenario, "count", without="settle")], within=R)
