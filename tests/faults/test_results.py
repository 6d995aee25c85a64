"""Row L11: a result backend that refuses what one task gives it."""

import asyncio
import json

import pytest

FRESH = 2  # seconds until a task that begins is in the result backend with its progress


@pytest.mark.row("L11", within=FRESH)
async def test_l11_the_result_backend_refuses_one_task(scenario):
    await is_written(scenario, await run_after_refused(scenario))
    scenario.passed()


@pytest.mark.row("L11")
async def test_l11_the_result_backend_refuses_one_task_twin(scenario):
    task_id = await run_after_refused(scenario, without="own_trouble")
    with pytest.raises(TimeoutError):
        await is_written(scenario, task_id)


async def run_after_refused(scenario, **values):
    """The one process of a worker runs a task that is refused, and then another, which begins."""
    web = scenario.web()
    scenario.worker(options=("-c", "1", "-I", "tests.faults.refusing"), **values)
    scenario.celery.send_task("tests.faults.refusing.refused", queue="tests")
    task_id = scenario.start("count", 80, 0.05)
    [watcher] = scenario.watch(task_id, web, count=1)
    await watcher.until(lambda event: event["state"] in {"STARTED", "PROGRESS"})
    scenario.fault()
    return task_id


async def is_written(scenario, task_id):
    """Wait until Celery's result backend has the task's progress. Raises TimeoutError."""
    with scenario.broker.client() as client:
        async with asyncio.timeout(FRESH):
            while state(client.get(f"celery-task-meta-{task_id}")) != "PROGRESS":
                await asyncio.sleep(0.05)


def state(meta):
    return meta and json.loads(meta)["status"]
