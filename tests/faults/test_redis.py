"""Rows F1 to F9: Redis, and the way to it."""

import asyncio

import pytest


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


R = 5  # seconds within which watchers are right again, whatever the layer lost
NEVER = 1e9


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


def is_progress(event):
    return event["state"] == "PROGRESS"


@pytest.mark.row("F4", within=R)
async def test_f4_subscriptions_are_killed_under_publish(scenario):
    groups = await kill_subscriptions(scenario)
    scenario.fault()
    ends = await scenario.outcomes(groups, within=R)
    assert {end["state"] for end in ends} == {"SUCCESS"}
    scenario.took = max(watcher.lag for group in groups for watcher in group)
    assert scenario.took < R
    assert {watcher.connections for group in groups for watcher in group} == {1}


@pytest.mark.row("F4")
async def test_f4_twin_without_a_look_at_the_store(scenario):
    groups = await kill_subscriptions(scenario, RECONCILE=NEVER, without="probe")
    scenario.fault()
    await scenario.breaks(*groups, within=R)
