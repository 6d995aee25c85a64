"""Rows W1 to W10: workers, their processes, and their ends.

A row's twin has the mitigation switched off, and shows that the promise does not hold then.
"""

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
