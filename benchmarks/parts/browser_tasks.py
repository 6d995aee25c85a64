"""Tasks that all report at the same pace: `python -m benchmarks.parts.browser_tasks count rate`.

Each reports through the real recorder and publisher. The process ends with its standard input.
"""

import os
import select
import sys
import time

TOTAL = 1_000


def main(count, rate):
    """Report until standard input ends."""
    from progress import configure
    from progress.reporting.current import close

    configure(redis_url=os.environ["BENCH_REDIS"])
    recorders = [recorder(f"bar-{number}") for number in range(count)]
    due, current = time.monotonic(), 0
    while not select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
        due, current = due + 1 / rate, current + 1
        for number, each in enumerate(recorders):
            each.set_progress((current + number) % TOTAL, TOTAL, f"Importing row {current}")
    close()


def recorder(task_id):
    """The recorder of a Celery task whose result is not stored."""
    from celery import Celery

    from progress import ProgressRecorder
    from progress.reporting.current import current_publisher

    @Celery(set_as_current=False).task(ignore_result=True)
    def task():
        pass

    run = current_publisher().open(task_id)
    task.push_request(id=task_id, is_eager=False, ignore_result=True, progress_run=run)
    return ProgressRecorder(task)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
