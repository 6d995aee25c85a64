"""The jobs of a site, some of which have a task that runs all the time."""

import threading
from contextlib import contextmanager

import httpx

from tests.support.jobs import Job

TOTAL = 100_000


class Jobs:
    """What the pages of the site show; each job has an id, a name and perhaps a task."""

    def __init__(self, site):
        self._site = site
        self._lock = threading.Lock()
        self._tasks = {}  # those that run
        self._counts = {}
        self.rows = {}

    @contextmanager
    def running(self):
        """Report progress for each task that runs, until the block ends."""
        ended = threading.Event()
        thread = threading.Thread(target=self._run, args=(ended,))
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()

    def _run(self, ended):
        while not ended.wait(0.03):
            with self._lock:
                for task in self._tasks.values():
                    self._step(task)

    def _step(self, task):
        self._counts[task.id] = current = self._counts.get(task.id, 0) + 101
        task.say(min(current, TOTAL), f"Import {task.id}")

    def task(self):
        """Start a task; its id."""
        task = Job(TOTAL)
        with self._lock:
            self._step(task)
            self._tasks[task.id] = task
        return task.id

    def start(self, count):
        """Let the site show this many jobs, each with a task that runs."""
        self.show({number: self.task() for number in range(1, count + 1)})

    def end(self, number):
        """End the task of this job with success."""
        with self._lock:
            self._tasks.pop(self.rows[number]).end()

    def show(self, rows):
        """Let the site show these jobs: a mapping of their numbers to tasks or None, in order."""
        self.rows = dict(rows)
        body = [
            {"id": number, "name": name(number), "task_id": task} for number, task in rows.items()
        ]
        httpx.put(f"{self._site}/jobs.json", json=body).raise_for_status()

    def expected(self):
        """What each bar should show, in order."""
        with self._lock:
            return [self._expected(number, task) for number, task in self.rows.items()]

    def _expected(self, number, task):
        state = "PROGRESS" if task in self._tasks else "SUCCESS" if task else None
        after = self._counts.get(task, 0)
        return {"id": number, "name": name(number), "task": task, "state": state, "after": after}


def name(number):
    return f"Job {number}"
