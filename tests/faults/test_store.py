"""Rows F10 to F12: a store that is set back, and one that takes no writes."""

import asyncio
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.faults.lives import start, worker
from tests.support.ports import free_port
from tests.support.watchers import connected

R = 5  # seconds within which watchers are right again


@pytest.mark.row("F10", within=R + 1)
async def test_f10_redis_comes_back_with_an_old_snapshot(scenario):
    """The snapshot has the first attempt; the second one runs, and reports nothing for long."""
    watchers, late = await set_back(scenario)
    await scenario.everybody(late, lambda event: event["attempt"] == 2, within=R + 1)
    took = scenario.took
    end = await scenario.outcome(watchers + late, within=SILENT + R)
    scenario.took = took
    assert (end["state"], end["current"], end["attempt"]) == ("SUCCESS", 3, 2)


@pytest.mark.row("F10")
async def test_f10_twin_a_run_ends_when_the_store_has_another(scenario):
    _, late = await set_back(scenario, without="set_back")
    with pytest.raises(TimeoutError):
        await scenario.everybody(late, lambda event: event["attempt"] == 2, within=R + 1)
    scenario.took = None


SILENT = 9  # seconds between the reports of the second attempt


async def set_back(scenario, **values):
    """The watchers who saw the second attempt begin, and those of a server that did not."""
    web, other = scenario.web(name="web"), scenario.web(name="other")
    worker(scenario, HEARTBEAT=1, **values)
    task_id = start(scenario, "tried_in_silence", 2, SILENT)
    watchers = scenario.watch(task_id, web)
    await watchers[0].until(lambda event: event["current"] == 1)
    with scenario.store.client() as client:
        client.save()
    await watchers[0].until(lambda event: event["current"] == 2)
    scenario.store.kill()
    scenario.store.start()
    scenario.fault()
    return watchers, scenario.watch(task_id, other)


@contextmanager
def read_only(scenario):
    """The store is a replica, of a server that is not there."""
    with scenario.store.client() as client:
        client.replicaof("127.0.0.1", free_port())
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")


QUEUED = 200  # tasks
QUIET = 3  # seconds


@pytest.mark.row("F11")
async def test_f11_tasks_wait_while_the_store_takes_no_writes(scenario):
    """What is not stored is sent once: no watcher sees that its task waits again."""
    with read_only(scenario):
        watchers, sent = await queue_many(scenario)
        assert (await watchers[0].outcome())["state"] == "SUCCESS"
    assert sent < QUEUED / 10
    assert not any(went_back(watcher) for watcher in watchers)


@pytest.mark.row("F11")
async def test_f11_twin_an_event_is_sent_at_each_try(scenario):
    with read_only(scenario):
        _, sent = await queue_many(scenario, without="once")
    assert sent > QUEUED


async def queue_many(scenario, **values):
    """A task runs, and many wait; the watchers of the first, and what was sent in QUIET seconds."""
    web = scenario.web()
    worker(scenario, **values)
    task_id = str(uuid4())
    watchers = scenario.watch(task_id, web)
    await connected(watchers)
    start(scenario, "send_many", "tests.support.celery.quiet", (QUIET + 5,), task_id, QUEUED)
    await watchers[0].until(lambda event: event["state"] == "PROGRESS")
    await asyncio.sleep(3)  # until every event has been sent once
    before = published(scenario)
    await asyncio.sleep(QUIET)
    return watchers, published(scenario) - before


def published(scenario):
    with scenario.store.client() as client:
        return client.info("commandstats").get("cmdstat_publish", {"calls": 0})["calls"]


def went_back(watcher):
    """Whether the watcher saw that its task waits after it had seen that it runs."""
    states = [event["state"] for event in watcher.events]
    return "PENDING" in states[states.index("PROGRESS") :]


AHEAD = 8  # seconds
CLOSED = 3  # seconds


@pytest.mark.row("F12", within=R)
async def test_f12_redis_is_read_only_and_the_clock_of_a_worker_is_ahead(scenario):
    watchers = await close(scenario)
    end = await scenario.outcome(watchers, within=R)
    assert (end["state"], end["current"]) == ("SUCCESS", 120)


@pytest.mark.row("F12")
async def test_f12_twin_versions_follow_the_clock_of_the_worker(scenario):
    await scenario.breaks(await close(scenario, without="own_clock"), within=R)


async def close(scenario, **values):
    """Redis takes no writes in the middle of a task; returns when the task has ended."""
    web = scenario.web()
    options, env = ("-I", "tests.faults.ahead"), {"TEST_CLOCK_AHEAD": str(AHEAD)}
    busy = scenario.worker(options=options, env=env, **values)
    task_id, watchers = await scenario.begin("count", 120, 0.05, web=web)
    await watchers[0].live()
    with read_only(scenario):
        await asyncio.sleep(CLOSED)
    await asyncio.to_thread(busy.wait_for, lambda: busy.seconds(task_id))
    scenario.fault()
    return watchers
