"""Blocking calls run in threads that end with the process; their time counts from their start."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from progress.pools import DaemonPool

HANGING = """
import asyncio, time
from progress.pools import DaemonPool

async def main():
    try:
        await DaemonPool(1, "test").run(time.sleep, 600, within=0.1)
    except TimeoutError:
        print("given up", flush=True)

asyncio.run(main())
"""


async def test_a_call_gives_what_the_function_gives():
    pool = DaemonPool(2, "test")
    assert await pool.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await pool.run(divmod, 7, 0, within=5)


async def test_a_call_that_hangs_is_given_up():
    gate = threading.Event()
    with pytest.raises(TimeoutError):
        await DaemonPool(1, "test").run(gate.wait, 60, within=0.05)
    gate.set()


async def test_the_time_of_a_call_counts_from_its_start():
    pool = DaemonPool(1, "test")
    calls = [pool.run(time.sleep, 0.05, within=0.2, queued=30) for _ in range(10)]
    assert await asyncio.gather(*calls) == [None] * 10


async def test_a_call_that_gets_no_thread_is_given_up_and_never_runs():
    pool, gate, ran = DaemonPool(1, "test"), threading.Event(), []
    first = asyncio.ensure_future(pool.run(gate.wait, 60))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await pool.run(ran.append, 1, within=10, queued=0.05)
    gate.set()
    assert await first
    assert await pool.run(len, ran) == 0


async def test_a_call_that_starts_late_and_hangs_is_given_up_in_its_own_time():
    pool, gate, never = DaemonPool(1, "test"), threading.Event(), threading.Event()
    first = asyncio.ensure_future(pool.run(gate.wait, 60))
    second = asyncio.ensure_future(pool.run(never.wait, 60, within=0.1, queued=60))
    await asyncio.sleep(0)
    gate.set()
    await first
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(second, 10)
    never.set()


def test_a_call_that_hangs_does_not_keep_the_process():
    done = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "given up\n"
