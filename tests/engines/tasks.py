"""A task that does what a test says, in a real worker."""

import time
from pathlib import Path

import redis

from progress import ProgressRecorder, PublicError
from tests.support.celery import app, url

PATIENCE = 100  # seconds that a task waits for a word


@app.task(bind=True)
def follow(self):
    """Report each number that a test pushes onto the task's list; end at the word for its end."""
    recorder = ProgressRecorder(self)
    with redis.Redis.from_url(url, decode_responses=True, socket_timeout=None) as client:
        while answer := client.blpop(f"words:{self.request.id}", PATIENCE):
            if answer[1] == "success":
                return
            if answer[1] == "failure":
                raise PublicError("No paper.")
            recorder.set_progress(int(answer[1]), 100, "Following")
    raise TimeoutError


@app.task(bind=True, ignore_result=True)
def walk(self, seconds, end):
    """Report a step every so many seconds until the file ``end`` exists."""
    recorder = ProgressRecorder(self)
    for step in range(10_000):
        if Path(end).exists():
            return
        recorder.set_progress(step, 10_000, "Walking")
        time.sleep(seconds)
