"""Rows L1 to L6: tasks that are retried, replaced, revoked, unknown, sent again, or aborted."""

import asyncio
import json
from uuid import uuid4

import pytest

from tests.faults.kinds import Returning, watch
from tests.faults.lives import start, worker
from tests.faults.page import Road
from tests.faults.sights import is_retry, nothing_seen, reaches
from tests.support.watchers import connected

R = 5  # seconds within which watchers are right


@pytest.mark.row("L1", within=R)
async def test_l1_a_retry_arrives_after_the_next_attempt_began(scenario):
    watchers = await delay_retry(scenario)
    end = await scenario.outcome(watchers, within=R)
    assert (end["state"], end["attempt"], end["current"]) == ("FAILURE", 2, 80)
    assert not any(is_retry(event) for watcher in watchers for event in watcher.events)


@pytest.mark.row("L1")
async def test_l1_a_retry_arrives_after_the_next_attempt_began_twin(scenario):
    watchers = await delay_retry(scenario, web="settle overtaken", without="attempts")
    await scenario.breaks(watchers, within=R)
    assert {watcher.newest["state"] for watcher in watchers} == {"RETRY"}


async def delay_retry(scenario, web="", **values):
    """The first attempt's worker cannot reach the store until the second one is on its way.

    It runs in another worker. Returns when it has failed.
    """
    web, road = scenario.web(without=web), await scenario.proxy(scenario.store.port, Road)
    worker(scenario, name="first", port=road.port, **values)
    second = worker(scenario, "-Q", "elsewhere", name="second", **values)
    with road.closed():
        watchers = scenario.watch(start(scenario, "tried_elsewhere", 4), web)
        await reaches(watchers, 10)
    failed = b"raised unexpected"
    await asyncio.to_thread(second.wait_for, lambda: failed in second.log.read_bytes())
    scenario.fault()
    return watchers


@pytest.mark.row("L2", within=2 + R)
@pytest.mark.parametrize("how", ["chain", "group"])
async def test_l2_others_take_the_place_of_a_task(scenario, how):
    """They count for a second each, and those of a chain one after the other."""
    watchers = await replace(scenario, how)
    end = await scenario.outcome(watchers, within=2 + R)
    assert end["state"] == "SUCCESS"
    assert {event["error"] for watcher in watchers for event in watcher.events} == {None}


@pytest.mark.row("L2")
@pytest.mark.parametrize("how", ["chain", "group"])
async def test_l2_others_take_the_place_of_a_task_twin(scenario, how):
    watchers = await replace(scenario, how, without="ignored")
    for watcher in watchers:
        assert (await watcher.outcome(within=2 + R))["state"] == "REVOKED"


async def replace(scenario, how, **values):
    web = scenario.web()
    worker(scenario, **values)
    task_id = str(uuid4())
    watchers = scenario.watch(task_id, web)
    await connected(watchers)
    start(scenario, "replaced", how, task_id=task_id)
    await watchers[0].until(lambda event: event["description"] == "Preparing")
    scenario.fault()
    return watchers


WAIT = 3  # seconds from the first attempt to the second


@pytest.mark.row("L3", within=WAIT + R)
@pytest.mark.parametrize(
    ("web", "without"),
    [("", None), ("settle", None), ("", "revoked")],
    ids=["both", "the worker alone", "the result backend alone"],
)
async def test_l3_a_task_is_revoked_while_it_waits_for_its_retry(scenario, web, without):
    """The worker that drops it says so when the second attempt is due; Celery's record earlier."""
    watchers = await revoke_between(scenario, web=web, without=without)
    end = await scenario.outcome(watchers, within=WAIT + R)
    assert (end["state"], end["current"]) == ("REVOKED", 1)


@pytest.mark.row("L3")
async def test_l3_a_task_is_revoked_while_it_waits_for_its_retry_twin(scenario):
    watchers = await revoke_between(scenario, web="after_retry", without="revoked")
    await scenario.breaks(watchers, within=WAIT + R)


async def revoke_between(scenario, web="", **values):
    web = scenario.web(without=web)
    worker(scenario, **values)
    task_id = start(scenario, "tried_later", WAIT)
    watchers = scenario.watch(task_id, web)
    await asyncio.gather(*(each.until(is_retry) for each in watchers))
    scenario.celery.control.revoke(task_id)
    scenario.fault()
    return watchers


@pytest.mark.row("L4", within=R)
async def test_l4_no_worker_knows_the_task(scenario):
    watchers = await start_unknown(scenario)
    end = await scenario.outcome(watchers, within=R)
    assert (end["state"], end["error"]) == ("FAILURE", "No worker knows this task.")


@pytest.mark.row("L4")
async def test_l4_no_worker_knows_the_task_twin(scenario):
    watchers = await start_unknown(scenario, web="settle", without="unknown")
    await scenario.breaks(watchers, within=R)


async def start_unknown(scenario, web="", **values):
    web = scenario.web(without=web)
    worker(scenario, **values)
    task_id = str(uuid4())
    watchers = scenario.watch(task_id, web)
    await connected(watchers)
    start(scenario, "not_there_any_more", task_id=task_id)
    scenario.fault()
    return watchers


@pytest.mark.row("L5", within=R)
async def test_l5_an_id_is_used_again_after_an_outcome(scenario):
    watchers, first = await use_again(scenario)
    again = await scenario.everybody(watchers, lambda e: e["run"] > first["run"], within=R)
    assert {event["complete"] for event in again} == {False}
    took = scenario.took
    ends = await scenario.everybody(
        watchers, lambda event: event["complete"] and event["run"] > first["run"], within=3 + R
    )
    scenario.took = took
    assert {(end["state"], end["current"]) for end in ends} == {("SUCCESS", 60)}


@pytest.mark.row("L5")
async def test_l5_an_id_is_used_again_after_an_outcome_twin(scenario):
    watchers, first = await use_again(scenario, without="lives")
    await nothing_seen(watchers, lambda event: event["version"] > first["version"], within=3 + R)


async def use_again(scenario, **values):
    """A task has ended, and another one with its id is sent; what watchers saw of the first."""
    web = scenario.web()
    worker(scenario, **values)
    watchers = watch(scenario, "rebuild-index", web, kind=Returning)
    send_count(scenario, 20)
    ends = await asyncio.gather(*(watcher.outcome() for watcher in watchers))
    send_count(scenario, 60)
    scenario.fault()
    return watchers, ends[0]


def send_count(scenario, steps):
    arguments = "tests.support.celery.count", (steps, 0.05)
    start(scenario, "send", *arguments, "rebuild-index")


@pytest.mark.row("L6", within=R)
async def test_l6_a_task_is_aborted(scenario):
    watchers = await abort(scenario)
    end = await scenario.outcome(watchers, within=R)
    assert (end["state"], end["total"]) == ("SUCCESS", 10)
    assert result_of(scenario, end["task_id"]) == "aborted"


@pytest.mark.row("L6")
async def test_l6_a_task_is_aborted_twin(scenario):
    watchers = await abort(scenario, without="aborted")
    await scenario.breaks(watchers, within=R)
    assert (await watchers[0].outcome())["current"] == 10


async def abort(scenario, **values):
    """ABORTED is stored while the task works on its third item, of ten that take a second each."""
    web = scenario.web()
    worker(scenario, **values)
    task_id = start(scenario, "abortable", 10)
    watchers = scenario.watch(task_id, web)
    await watchers[0].until(lambda event: event["current"] == 2)
    start(scenario, "abort", task_id)
    scenario.fault()
    return watchers


def result_of(scenario, task_id):
    """What Celery's result backend has."""
    with scenario.broker.client() as client:
        return json.loads(client.get(f"celery-task-meta-{task_id}"))["result"]
