"""Rows W1 to W10: workers, their processes, and their ends.

A row's twin has the mitigation switched off, and shows that the promise does not hold then.
"""

import asyncio
import json
import os
import signal
import time
from statistics import median
from uuid import uuid4

import pytest

from tests.faults.sights import is_over, is_stalled, nothing_seen, restarts
from tests.support.processes import alive

#: A worker of each pool that runs ten tasks at once; "solo" runs them one by one.
POOLS = {
    "prefork": ("-c", "10"),
    "threads": ("-c", "10"),
    "solo": (),
    "gevent": ("-c", "10"),
    "eventlet": ("-c", "10"),
}
GREEN = ("gevent", "eventlet")
FOREVER = 600
#: A web server that soon misses signs of life; for a worker with PROGRESS_HEARTBEAT of 1.
QUICK = {"HEARTBEAT": 1, "STALLED_AFTER": 4, "RECONCILE": 1}


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
        scenario.watch(scenario.start("count", 20, 0.05), web, count=2)
    for pair in zip(scenario.watchers[::2], scenario.watchers[1::2], strict=True):
        end = await scenario.outcome(pair, within=20)
        assert (end["state"], end["current"], end["total"]) == ("SUCCESS", 20, 20)
        assert all(on_the_way(watcher) for watcher in pair)
    assert worker.process.poll() is None


@pytest.mark.row("W8", within=10)
@pytest.mark.parametrize("pool", GREEN)
async def test_w8_a_task_never_yields_to_other_greenlets(scenario, pool):
    watchers = await busy(scenario, pool)
    assert len(on_the_way(watchers[0])) > 10


@pytest.mark.row("W8", within=10)
@pytest.mark.parametrize("pool", GREEN)
async def test_w8_a_task_never_yields_to_other_greenlets_twin(scenario, pool):
    watchers = await busy(scenario, pool, without="real_thread")
    assert len(on_the_way(watchers[0])) <= 10, "it yields only when it writes to the result backend"


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
    assert 5 <= end["current"] < 100


@pytest.mark.slow
@pytest.mark.row("W1", within=6)
async def test_w1_a_child_is_killed_twin(scenario):
    watchers = await lose_child(scenario, without="failed")
    await nothing_seen(watchers, is_over, within=6)


async def lose_child(scenario, task="count", web="", **values):
    """A child of the pool is killed in the middle of its task."""
    web, worker = scenario.web(without=web), scenario.worker(options=("-c", "1"), **values)
    watchers = scenario.watch(scenario.start(task, 100, 0.05), web)
    await watchers[0].until(lambda event: event["current"] >= 5)
    scenario.fault()
    os.kill(*worker.children(), signal.SIGKILL)
    return watchers


@pytest.mark.row("W2", within=6)
async def test_w2_the_task_of_a_killed_child_runs_again(scenario):
    watchers = await lose_child(scenario, "count_late")
    first = watchers[0].newest["run"]
    await scenario.everybody(watchers, lambda event: event["run"] > first, within=6)
    took = scenario.took
    end = await scenario.outcome(watchers, within=20)
    scenario.took = took
    assert (end["state"], end["current"]) == ("SUCCESS", 100)
    assert restarts(watchers) == 1


@pytest.mark.row("W2", within=6)
async def test_w2_the_task_of_a_killed_child_is_sent_again(scenario):
    watchers = await lose_child(scenario, "count_again")
    await scenario.everybody(watchers, lambda event: event["state"] == "RETRY", within=6)
    took = scenario.took
    end = await scenario.outcome(watchers, within=20)
    scenario.took = took
    assert (end["state"], end["current"], end["attempt"]) == ("SUCCESS", 100, 2)
    assert restarts(watchers) == 1


@pytest.mark.row("W2")
async def test_w2_the_task_of_a_killed_child_runs_again_twin(scenario):
    watchers = await lose_child(scenario, "count_late", web="overtaken", without="runs")
    for watcher in watchers:
        await watcher.outcome(within=20)
    with pytest.raises(AssertionError, match="runs are never mixed"):
        restarts(watchers)


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
    web = scenario.web(STALLED_AFTER=FOREVER, LOST_AFTER=2 * FOREVER)
    watchers = await lose_worker(scenario, web)
    await nothing_seen(watchers, is_stalled, within=20)


@pytest.mark.row("W3", within=8 + 5)
async def test_w3_no_worker_comes_back(scenario):
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
async def test_w3_no_worker_comes_back_twin(scenario):
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


#: Redis takes its time, so that an event that nobody waits for does not arrive.
SLOW = 0.05


@pytest.mark.row("W9", within=2)
@pytest.mark.parametrize("pool", POOLS)
async def test_w9_a_worker_shuts_down_warmly(scenario, pool):
    watchers = await end_warm(scenario, pool)
    end = await scenario.outcome(watchers, within=2)
    assert (end["state"], end["current"]) == ("SUCCESS", 60)


async def end_warm(scenario, pool, **values):
    """SIGTERM in the middle of a task; returns when the worker is gone."""
    proxy = await scenario.proxy(scenario.store.port)
    web = scenario.web(RECONCILE=FOREVER)
    worker = scenario.worker(port=proxy.port, pool=pool, **values)
    with proxy.delayed(SLOW):
        watchers = scenario.watch(scenario.start("count", 60, 0.05), web)
        await watchers[0].until(lambda event: event["current"] >= 3)
        worker.process.terminate()
        await asyncio.to_thread(worker.process.wait, 20)
        scenario.fault()
        await asyncio.sleep(2 * SLOW)  # what is on its way in the proxy arrives
    return watchers


@pytest.mark.row("W9", within=2)
async def test_w9_a_child_ends_after_one_task(scenario):
    watchers = await end_child(scenario)
    end = await scenario.outcome(watchers, within=2)
    assert (end["state"], end["current"]) == ("SUCCESS", 60)


@pytest.mark.row("W9")
async def test_w9_a_child_ends_after_one_task_twin(scenario):
    watchers = await end_child(scenario, without="flush")
    await nothing_seen(watchers, is_over, within=2)


@pytest.mark.row("W9", within=2)
async def test_w9_a_worker_shuts_down_coldly_and_drops_its_task(scenario):
    watchers, worker = await end_cold(scenario, "count")
    end = await scenario.outcome(watchers, within=2)
    assert (end["state"], end["error"]) == ("REVOKED", "It was dropped before it finished.")
    await asyncio.to_thread(worker.process.wait, 20)


@pytest.mark.row("W9")
async def test_w9_a_worker_shuts_down_coldly_and_drops_its_task_twin(scenario):
    watchers, worker = await end_cold(scenario, "count", without="retried")
    await asyncio.to_thread(worker.process.wait, 20)
    await nothing_seen(watchers, is_over, within=2)


@pytest.mark.row("W9", within=15)
async def test_w9_a_worker_shuts_down_coldly_and_its_task_runs_again(scenario):
    """Celery requeues what it acknowledges late; another worker takes it up."""
    watchers, worker = await end_cold(scenario, "count_late")
    await asyncio.to_thread(worker.process.wait, 20)
    scenario.worker(name="another")
    end = await scenario.outcome(watchers, within=15)
    assert (end["state"], end["current"]) == ("SUCCESS", 60)
    assert restarts(watchers) == 1


async def end_cold(scenario, task, **values):
    """SIGQUIT in the middle of a task."""
    web, worker = scenario.web(), scenario.worker(**values)
    watchers = scenario.watch(scenario.start(task, 60, 0.05), web)
    await watchers[0].until(lambda event: event["current"] >= 5)
    scenario.fault()
    os.kill(worker.process.pid, signal.SIGQUIT)
    return watchers, worker


async def end_child(scenario, **values):
    """A child of the pool runs one task and ends; returns when it is gone."""
    proxy = await scenario.proxy(scenario.store.port)
    web = scenario.web(RECONCILE=FOREVER)
    options = ("-c", "1", "--max-tasks-per-child", "1")
    worker = scenario.worker(port=proxy.port, options=options, **values)
    with proxy.delayed(SLOW):
        watchers = scenario.watch(scenario.start("count", 60, 0.05), web)
        await watchers[0].until(lambda event: event["current"] >= 3)
        [child] = worker.children()
        while child in worker.children():
            await asyncio.sleep(0.01)
        scenario.fault()
        await asyncio.sleep(2 * SLOW)
    return watchers


@pytest.mark.row("W10", within=1)
@pytest.mark.parametrize(
    ("pool", "module"),
    [("prefork", "billiard"), ("threads", "multiprocessing"), ("solo", "multiprocessing")],
)
async def test_w10_a_forked_process_reports(scenario, pool, module):
    watchers = await report_in_fork(scenario, 3, "", module, pool=pool)
    await scenario.everybody(watchers, lambda event: event["current"] == 10, within=1)
    took = scenario.took
    end = await scenario.outcome(watchers, within=8)
    scenario.took = took
    assert (end["state"], end["current"], end["total"]) == ("SUCCESS", 20, 20)
    assert restarts(watchers) == 0


@pytest.mark.row("W10")
async def test_w10_a_forked_process_reports_twin(scenario):
    watchers = await report_in_fork(scenario, 3, without="fork")
    await nothing_seen(watchers, lambda event: event["current"] == 10, within=2)


@pytest.mark.row("W10", within=5)
async def test_w10_a_task_that_forked_fails(scenario):
    watchers = await report_in_fork(scenario, 1, "fail")
    end = await scenario.outcome(watchers, within=5)
    assert (end["state"], end["current"], end["total"]) == ("FAILURE", 10, 20)


async def report_in_fork(scenario, *arguments, **values):
    """A process is forked as soon as the task begins, and reports 10 steps of 20 in 0.2 s."""
    web = scenario.web()
    scenario.worker(**values)
    task_id = str(uuid4())
    watchers = scenario.watch(task_id, web)
    await asyncio.gather(*(watcher.until(lambda event: True) for watcher in watchers))
    scenario.start("fork", 20, *arguments, task_id=task_id)
    await watchers[0].until(lambda event: event["state"] in {"STARTED", "PROGRESS"})
    scenario.fault()
    return watchers


#: The broker brings a task back that nobody acknowledged for 8 s.
BACK_AFTER = 8
REDELIVERY = {
    "visibility_timeout": BACK_AFTER,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}


@pytest.mark.slow
@pytest.mark.row("W4", within=BACK_AFTER + 7)
async def test_w4_another_worker_takes_over_the_task(scenario):
    watchers = await redeliver(scenario, LOST_AFTER=60)
    first = watchers[0].newest["run"]
    await scenario.everybody(watchers, is_stalled, within=4)
    scenario.worker(name="another", env={"TEST_BROKER_OPTIONS": json.dumps(REDELIVERY)})
    await scenario.everybody(watchers, lambda event: event["run"] > first, within=BACK_AFTER + 7)
    took = scenario.took
    end = await scenario.outcome(watchers, within=30)
    scenario.took = took
    assert (end["state"], end["current"], end["stalled"]) == ("SUCCESS", 60, False)
    assert restarts(watchers) == 1


@pytest.mark.row("W4")
async def test_w4_another_worker_takes_over_the_task_twin(scenario):
    """A limit below the broker's own: the task is given up before it comes back."""
    watchers = await redeliver(scenario, LOST_AFTER=5)
    scenario.worker(name="another", env={"TEST_BROKER_OPTIONS": json.dumps(REDELIVERY)})
    for watcher in watchers:
        assert (await watcher.outcome())["state"] == "FAILURE"


async def redeliver(scenario, **values):
    """The only worker is killed in the middle of a task that it had not acknowledged."""
    web = scenario.web(**QUICK, **values)
    worker = scenario.worker(HEARTBEAT=1, env={"TEST_BROKER_OPTIONS": json.dumps(REDELIVERY)})
    watchers = scenario.watch(scenario.start("count_late", 60, 0.05), web)
    await watchers[0].until(lambda event: event["current"] >= 5)
    worker.kill()
    scenario.fault()
    return watchers


@pytest.mark.row("W5", within=10)
async def test_w5_two_runs_of_one_task_at_once(scenario):
    watchers = await run_twice(scenario)
    end = await scenario.outcome(watchers, within=10)
    assert (end["state"], end["current"]) == ("SUCCESS", 60)
    assert restarts(watchers) == 1


@pytest.mark.row("W5")
async def test_w5_two_runs_of_one_task_at_once_twin(scenario):
    watchers = await run_twice(scenario, web="overtaken", without="takeover")
    for watcher in watchers:
        await watcher.outcome(within=10)
    with pytest.raises(AssertionError, match="runs are never mixed"):
        restarts(watchers)


async def run_twice(scenario, web="", **values):
    """Two workers run a task with the same id, the second when the first is on its way."""
    web = scenario.web(without=web)
    for name in ("one", "other"):
        scenario.worker(name=name, options=("-c", "1"), **values)
    task_id = scenario.start("count", 60, 0.05)
    watchers = scenario.watch(task_id, web)
    await watchers[0].until(lambda event: event["current"] >= 10)
    scenario.start("count", 60, 0.05, task_id=task_id)
    scenario.fault()
    return watchers


@pytest.mark.slow
@pytest.mark.row("W6", within=15)
async def test_w6_a_worker_is_frozen_for_half_a_minute(scenario):
    web, worker = scenario.web(), scenario.worker()
    watchers = scenario.watch(scenario.start("quiet", 37), web)
    await watchers[0].until(lambda event: event["current"] == 1)
    with worker.frozen():
        scenario.fault()
        await scenario.everybody(watchers, is_stalled, within=15)
        took = scenario.took
        await asyncio.sleep(30 - took)
    scenario.fault()
    await scenario.everybody(watchers, revived(watchers[0]), within=5)
    end = await scenario.outcome(watchers, within=15)
    scenario.took = took
    assert (end["state"], end["stalled"]) == ("SUCCESS", False)
    assert restarts(watchers) == 0


@pytest.mark.row("W6")
async def test_w6_a_worker_is_frozen_for_half_a_minute_twin(scenario):
    web, worker = scenario.web(**QUICK), scenario.worker(HEARTBEAT=FOREVER)
    watchers = scenario.watch(scenario.start("quiet", 60), web)
    await watchers[0].until(lambda event: event["current"] == 1)
    with worker.frozen():
        await watchers[0].until(is_stalled)
    await nothing_seen(watchers, revived(watchers[0]), within=5)


def revived(watcher):
    """Whether an event says that what this watcher saw stall goes on."""
    version = next(event["version"] for event in watcher.events if event["stalled"])
    return lambda event: event["version"] > version and not event["stalled"]


@pytest.mark.row("W6", within=10)
async def test_w6_a_task_that_reports_nothing_for_long_is_alive(scenario):
    watchers = await say_nothing(scenario, HEARTBEAT=1)
    end = await scenario.outcome(watchers, within=10)
    assert end["state"] == "SUCCESS"
    assert not any(map(is_stalled, watchers[0].events))


@pytest.mark.row("W6")
async def test_w6_a_task_that_reports_nothing_for_long_is_alive_twin(scenario):
    watchers = await say_nothing(scenario, HEARTBEAT=FOREVER)
    await scenario.everybody(watchers, is_stalled, within=5)


async def say_nothing(scenario, **values):
    web = scenario.web(**QUICK)
    scenario.worker(**values)
    watchers = scenario.watch(scenario.start("quiet", 8), web)
    await watchers[0].until(lambda event: event["current"] == 1)
    scenario.fault()
    return watchers


@pytest.mark.row("W7", within=5)
async def test_w7_a_task_without_a_stored_result_ends(scenario):
    web = scenario.web()
    scenario.worker()
    watchers = scenario.watch(scenario.start("count_ignored", 20, 0.05), web)
    scenario.fault()
    end = await scenario.outcome(watchers, within=5)
    assert (end["state"], end["current"]) == ("SUCCESS", 20)
    assert on_the_way(watchers[0])


@pytest.mark.row("W7", within=5)
async def test_w7_a_task_is_revoked_before_it_starts(scenario):
    watchers = await revoke(scenario)
    end = await scenario.outcome(watchers, within=5)
    assert end["state"] == "REVOKED"


@pytest.mark.row("W7")
async def test_w7_a_task_is_revoked_before_it_starts_twin(scenario):
    watchers = await revoke(scenario, web="settle", without="revoked")
    await nothing_seen(watchers, is_over, within=5)


async def revoke(scenario, web="", **values):
    """A task is revoked that waits for another to end, which it does when this returns."""
    web, worker = scenario.web(without=web), scenario.worker(options=("-c", "1"), **values)
    first = scenario.watch(scenario.start("count", 40, 0.05), web, count=1)
    await first[0].until(lambda event: event["current"] >= 1)
    task_id = scenario.start("count", 40, 0.05)
    watchers = scenario.watch(task_id, web)
    scenario.celery.control.revoke(task_id)
    worker.wait_for(lambda: b"Discarding revoked task" in worker.log.read_bytes())
    scenario.fault()
    return watchers


@pytest.mark.row("W7", within=5)
async def test_w7_a_hard_time_limit_is_reported_once(scenario):
    first, last = await run_out_of_time(scenario)
    assert (first["state"], first["current"]) == ("FAILURE", 3)
    assert last["version"] == first["version"]


@pytest.mark.row("W7")
async def test_w7_a_hard_time_limit_is_reported_once_twin(scenario):
    first, last = await run_out_of_time(scenario, without="first_outcome")
    assert last["version"] > first["version"]


async def run_out_of_time(scenario, **values):
    """What the watchers saw as the outcome, and what the store has when all is said."""
    web, worker = scenario.web(), scenario.worker(**values)
    task_id = scenario.start("break_off", "sleep", time_limit=1)
    watchers = scenario.watch(task_id, web)
    worker.wait_for(lambda: b"Hard time limit" in worker.log.read_bytes())
    scenario.fault()
    outcome = await scenario.outcome(watchers, within=5)
    worker.process.terminate()  # which says what is left to say
    await asyncio.to_thread(worker.process.wait, 20)
    late = scenario.watch(task_id, web, count=1)
    return outcome, await late[0].outcome(within=5)


LIVES = [("count", 10, 0.05), ("break_off", "exit")]


@pytest.mark.slow
@pytest.mark.row("cost", within=1)
@pytest.mark.parametrize("life", LIVES, ids=["returns", "exits"])
@pytest.mark.parametrize("fault", ["frozen", "down"])
async def test_cost_a_task_runs_while_the_store_is_away(scenario, fault, life):
    scenario.took = await cost(scenario, fault, life)
    assert scenario.took < 1


@pytest.mark.parametrize("life", LIVES, ids=["returns", "exits"])
@pytest.mark.row("cost")
async def test_cost_a_task_runs_while_the_store_is_away_twin(scenario, life):
    assert await cost(scenario, "frozen", life, without="exit_limit") > 1


@pytest.mark.row("cost")
async def test_cost_a_task_runs_while_the_store_is_away_and_waits_again_twin(scenario):
    assert await cost(scenario, "frozen", LIVES[1], without="in_vain") > 1


async def cost(scenario, fault, life, **values):
    """Seconds by which a task's life is longer, its process's end included."""
    worker = scenario.worker(options=("-c", "1", "--max-tasks-per-child", "1"), **values)
    usual = [await lifetime(scenario, worker, life) for _ in range(3)]
    if fault == "down":
        scenario.store.kill()
        times = [await lifetime(scenario, worker, life) for _ in range(3)]
    else:
        with scenario.store.frozen():
            times = [await lifetime(scenario, worker, life) for _ in range(3)]
    return median(times) - median(usual)


async def lifetime(scenario, worker, life):
    """Seconds until the worker's child ends, which lives for one task."""
    while not (children := [child for child in worker.children() if alive(child)]):
        await asyncio.sleep(0.005)
    [child] = children
    began = time.monotonic()
    scenario.start(*life)
    async with asyncio.timeout(20):
        while alive(child):
            await asyncio.sleep(0.005)
    return time.monotonic() - began
