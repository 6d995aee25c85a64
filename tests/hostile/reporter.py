"""A task that reports the time ten times a second, so that a watcher can measure the delay."""

import time

import django

django.setup()

from progress.reporting.current import current_publisher  # noqa: E402 - after Django is set up
from tests.hostile.bystander import TASK  # noqa: E402


def report():
    """Report until the process is killed."""
    publisher = current_publisher()
    run = publisher.open(TASK)
    while True:
        run.said = (time.time() * 1000, None, "", None)
        publisher.wake(run)
        time.sleep(0.1)


if __name__ == "__main__":
    report()
