"""Starts the tasks of ``tests.faults.tasks``, and the workers that know them."""

from uuid import uuid4

TASKS = "tests.faults.tasks"


def worker(scenario, *options, **more):
    """Start a worker; ``options`` are added to its command line, ``more`` goes to the scenario."""
    return scenario.worker(options=("-c", "2", "-I", TASKS, *options), **more)


def start(scenario, name, *arguments, task_id=None, **options):
    """Start a task and return its id."""
    task_id = task_id or str(uuid4())
    scenario.celery.send_task(
        f"{TASKS}.{name}", arguments, task_id=task_id, queue="tests", **options
    )
    return task_id
