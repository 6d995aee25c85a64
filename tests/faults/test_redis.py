"""Rows F1 to F9: Redis, and the way to it."""

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
