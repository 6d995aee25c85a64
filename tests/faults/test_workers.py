"""Rows W1 to W10: workers, their processes, and their ends.

A row's twin has the mitigation switched off, and shows that the promise does not hold then.
"""

import asyncio
import os
import signal

import pytest

#: A worker of each pool that runs ten tasks at once; "solo" runs them one by one.
POOLS = {
    "prefork": ("-c", "10"),
    "threads": ("-c", "10"),
    "solo": (),
    "gevent": ("-c", "10"),
    "eventlet": ("-c", "10"),
}
GREEN = ("gevent", "eventlet")


def on_the_way(watcher):
    """The events of a task between its first step and its last."""
    return [e for e in watcher.events if e["state"] == "PROGRESS" and 0 < e["percent"] < 100]


def is_over(event):
    return event["complete"]


def is_stalled(event):
    return event["stalled"]


async def nothing_seen(watchers, condition, *, within):
    """No watcher sees such an event in that time."""

    async def unseen(watcher):
        with pytest.raises(TimeoutError):
            await watcher.until(condition, within=within)

    await asyncio.gather(*(unseen(watcher) for watcher in watchers))


@pytest.mark.row("W8", within=20)
@pytest.mark.parametrize("pool", POOLS)
async def test_w8_ten_tasks_at_once_in_each_pool(scenario, pool):
    url = scenario.store.url().replace("127.0.0.1", "localhost")  # a name, to be looked up
    env = {"TEST_REDIS_URL": url, "TEST_LAYER_URL": url}
    web, worker = scenario.web(), scenario.worker(pool=pool, options=POOLS[pool], env=env)
    scenario.fault()
    for _ in range(10):
        scenario.watch(scenario.start("count", 10, 0.05), web, count=2)
    for pair in zip(scenario.watchers[::2], scenario.watchers[1::2], strict=True):
        end = await scenario.outcome(pair, within=20)
        assert (end["state"], end["current"], end["total"]) == ("SUCCESS", 10, 10)
        assert all(on_the_way(watcher) for watcher in pair)
    assert worker.process.poll() is None


@pytest.mark.row("W8", within=10)
@pytest.mark.parametrize("pool", GREEN)
async def test_w8_a_task_that_lets_no_other_greenlet_run(scenario, pool):
    watchers = await busy(scenario, pool)
    assert len(on_the_way(watchers[0])) > 10


@pytest.mark.row("W8", within=10)
@pytest.mark.parametrize("pool", GREEN)
async def test_w8_a_task_that_lets_no_other_greenlet_run_twin(scenario, pool):
    watchers = await busy(scenario, pool, without="real_thread")
    assert not on_the_way(watchers[0])


async def busy(scenario, pool, **worker):
    web = scenario.web()
    scenario.worker(pool=pool, **worker)
    scenario.fault()
    watchers = scenario.watch(scenario.start("busy", 3), web)
    end = await scenario.outcome(watchers, within=10)
    assert end["state"] == "SUCCESS"
    return watchers


@pytest.mark.row("W1", within=6)
async def test_w1_a_child_is_killed(scenario):
    watchers = await lose_child(scenario)
    end = await scenario.outcome(watchers, within=6)
    assert (end["state"], end["success"]) == ("FAILURE", False)
    assert 5 <= end["current"] < 400


@pytest.mark.slow
@pytest.mark.row("W1", within=6)
async def test_w1_a_child_is_killed_twin(scenario):
    watchers = await lose_child(scenario, without="failed")
    await nothing_seen(watchers, is_over, within=6)


async def lose_child(scenario, **values):
    """A child of the pool is killed in the middle of its task."""
    web, worker = scenario.web(), scenario.worker(options=("-c", "1"), **values)
    watchers = scenario.watch(scenario.start("count", 400, 0.05), web)
    await watchers[0].until(lambda event: event["current"] >= 5)
    scenario.fault()
    os.kill(*worker.children(), signal.SIGKILL)
    return watchers


@pytest.mark.slow
@pytest.mark.row("W3", within=15)
async def test_w3_a_whole_worker_is_killed(scenario):
    watchers = await lose_worker(scenario, scenario.web())
    stalled = await scenario.everybody(watchers, is_stalled, within=15)
    assert {event["complete"] for event in stalled} == {False}
    assert min(event["current"] for event in stalled) >= 5


@pytest.mark.slow
@pytest.mark.row("W3", within=15)
async def test_w3_a_whole_worker_is_killed_twin(scenario):
    watchers = await lose_worker(scenario, scenario.web(STALLED_AFTER=600, LOST_AFTER=900))
    await nothing_seen(watchers, is_stalled, within=20)


@pytest.mark.row("W3", within=8 + 5)
async def test_w3_nobody_comes_back(scenario):
    web = scenario.web(HEARTBEAT=1, STALLED_AFTER=4, LOST_AFTER=8, RECONCILE=2)
    watchers = await lose_worker(scenario, web)
    await scenario.everybody(watchers, is_stalled, within=4)
    end = await scenario.outcome(watchers, within=8 + 5)
    assert (end["state"], end["error"], end["stalled"]) == (
        "FAILURE",
        "The worker was lost.",
        False,
    )
    assert 5 <= end["current"] < 400


@pytest.mark.slow
@pytest.mark.row("W3", within=8 + 5)
async def test_w3_nobody_comes_back_twin(scenario):
    web = scenario.web(HEARTBEAT=1, STALLED_AFTER=4, LOST_AFTER=600, RECONCILE=2)
    await nothing_seen(await lose_worker(scenario, web), is_over, within=8 + 5)


async def lose_worker(scenario, web):
    """A worker is killed in the middle of its task, with all its processes."""
    worker = scenario.worker()
    watchers = scenario.watch(scenario.start("count", 400, 0.05), web)
    await watchers[0].until(lambda event: event["current"] >= 5)
    worker.kill()
    scenario.fault()
    return watchers
