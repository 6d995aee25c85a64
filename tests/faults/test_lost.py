"""Rows L7 to L10: tasks whose run, retry, event or process is lost."""

import asyncio
import json
import sys
from uuid import uuid4

import pytest

from tests.faults.lives import start, worker
from tests.faults.sights import is_retry, reaches, restarts
from tests.support.processes import Part
from tests.support.watchers import connected

R = 5  # seconds within which watchers are right
#: Web servers that soon miss signs of life, and a retry that is not sent.
LOST_AFTER = 6
QUICK = {"HEARTBEAT": 1, "STALLED_AFTER": 4, "LOST_AFTER": LOST_AFTER, "RECONCILE": 1}


#: The broker brings a task back that nobody acknowledged for 6 s.
REDELIVERY = {
    "visibility_timeout": 6,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
#: Seconds until a run is stopped, in which the second one begins; and of the second, which ends
#: before the broker brings the task back once more.
LIMIT, LENGTH = 9, 5


@pytest.mark.row("L7", within=LENGTH + R)
async def test_l7_a_run_fails_after_another_worker_took_over(scenario):
    watchers = await time_out(scenario)
    end = await scenario.outcome(watchers, within=LENGTH + R)
    assert (end["state"], end["current"]) == ("SUCCESS", LENGTH * 20)
    assert restarts(watchers) == 1


@pytest.mark.row("L7")
async def test_l7_a_run_fails_after_another_worker_took_over_twin(scenario):
    watchers = await time_out(scenario, without="processes")
    end = await scenario.outcome(watchers, within=R)
    assert (end["state"], end["error"]) == (
        "FAILURE",
        "The task took too long and was stopped.",
    )


async def time_out(scenario, **values):
    """The first run hangs until its time limit; the second, which counts, has begun by then."""
    web, env = scenario.web(), {"TEST_BROKER_OPTIONS": json.dumps(REDELIVERY)}
    first = worker(scenario, "-c", "1", name="first", env=env, **values)
    watchers = scenario.watch(start(scenario, "hung", LENGTH * 20, 0.05, time_limit=LIMIT), web)
    await watchers[0].until(lambda event: event["description"] == "Hanging")
    worker(scenario, "-c", "1", name="second", env=env, **values)
    await reaches(watchers, 2)
    limit = b"Hard time limit"
    assert limit not in first.log.read_bytes()
    await asyncio.to_thread(first.wait_for, lambda: limit in first.log.read_bytes())
    scenario.fault()
    return watchers


WAIT = 3  # seconds from the first attempt to the second


@pytest.mark.row("L8", within=WAIT + LOST_AFTER + R)
async def test_l8_the_broker_loses_a_retry(scenario):
    watchers = await lose_retry(scenario)
    end = await scenario.outcome(watchers, within=WAIT + LOST_AFTER + R)
    assert (end["state"], end["error"], end["current"]) == ("FAILURE", "The retry was lost.", 1)
    assert scenario.took > LOST_AFTER


@pytest.mark.row("L8")
async def test_l8_the_broker_loses_a_retry_twin(scenario):
    watchers = await lose_retry(scenario, without="lost_retry")
    await scenario.breaks(watchers, within=WAIT + LOST_AFTER + R)


async def lose_retry(scenario, **web):
    """The broker is killed and comes back empty while a task waits for its second attempt."""
    web = scenario.web(**QUICK, **web)
    worker(scenario)
    watchers = scenario.watch(start(scenario, "tried_later", WAIT), web)
    await asyncio.gather(*(each.until(is_retry) for each in watchers))
    scenario.broker.kill()
    scenario.broker.start()
    scenario.fault()
    return watchers


@pytest.mark.row("L9", within=LOST_AFTER + R)
async def test_l9_a_lost_task_is_kept_for_less_than_until_it_counts_as_lost(scenario):
    watchers = await lose_forgotten(scenario)
    end = await scenario.outcome(watchers, within=LOST_AFTER + R)
    assert (end["state"], end["error"], end["current"]) == ("FAILURE", "The worker was lost.", 1)


@pytest.mark.row("L9")
async def test_l9_a_lost_task_is_kept_for_less_than_until_it_counts_as_lost_twin(scenario):
    watchers = await lose_forgotten(scenario, web="short", without="short")
    await scenario.breaks(watchers, within=LOST_AFTER + R)


async def lose_forgotten(scenario, web="", **values):
    """The worker of a task is killed; events are kept for 2 s."""
    kept = QUICK | {"RETENTION": 2}
    web, busy = scenario.web(without=web, **kept), worker(scenario, **kept, **values)
    watchers = scenario.watch(scenario.start("quiet", 60), web)
    await watchers[0].until(lambda event: event["current"] == 1)
    busy.kill()
    scenario.fault()
    return watchers


@pytest.mark.row("L10", within=R)
async def test_l10_an_eager_task_runs_in_a_process_that_ends(scenario):
    watchers = await run_eagerly(scenario)
    end = await scenario.outcome(watchers, within=R)
    assert (end["state"], end["current"]) == ("SUCCESS", 20)


@pytest.mark.row("L10")
async def test_l10_an_eager_task_runs_in_a_process_that_ends_twin(scenario):
    await scenario.breaks(await run_eagerly(scenario, without="eager"), within=R)


async def run_eagerly(scenario, without=""):
    """A process runs a task itself, and ends as soon as the task has."""
    scenario.without += without.split()
    web, task_id = scenario.web(), str(uuid4())
    watchers = scenario.watch(task_id, web)
    await connected(watchers)
    env = scenario.env() | {"TEST_WITHOUT": without, "TEST_BROKER_URL": scenario.broker.url()}
    command = [sys.executable, "-m", "tests.faults.eager", task_id]
    sender = scenario.stack.enter_context(Part(scenario.folder, "sender", command, **env))
    assert await asyncio.to_thread(sender.process.wait, 20) == 0
    scenario.fault()
    return watchers
