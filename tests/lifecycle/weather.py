"""Disturbances of a batch, each in the middle of its lives."""

import asyncio
import signal
import time
from contextlib import suppress

import redis

WAIT = 2.5  # seconds after the beginning of the batch
LASTS = 2.0  # seconds


async def rage(stack, weather):
    """Do what the weather is; returns when it is over."""
    if weather == "fair":
        return
    await asyncio.sleep(WAIT)
    began = time.time()
    await _WEATHERS[weather](stack)
    stack.raged.append((began, time.time()))


async def _store_away(stack):
    stack.store.kill()
    await asyncio.sleep(LASTS)
    await asyncio.to_thread(stack.store.start)
    stack.emptied.append((0, time.time()))


async def _store_frozen(stack):
    with stack.store.frozen():
        await asyncio.sleep(LASTS)


async def _store_full(stack):
    with stack.store.client() as client:
        client.config_set("maxmemory", "1")
        await asyncio.sleep(LASTS)
        client.config_set("maxmemory", "0")


async def _store_read_only(stack):
    with stack.store.client() as client:
        client.replicaof("127.0.0.1", "1")
        await asyncio.sleep(LASTS)
        client.replicaof("NO", "ONE")


async def _store_set_back(stack):
    """As from a snapshot that is 1 s old."""
    with redis.Redis(port=stack.store.port) as client:
        taken = time.time()
        kept = {key: (client.dump(key), client.pttl(key)) for key in client.keys("*")}
        await asyncio.sleep(1.0)
        stack.store.kill()
        await asyncio.to_thread(stack.store.start)
        for key, (value, ttl) in kept.items():
            if value is not None:
                with suppress(redis.ResponseError):
                    client.restore(key, max(0, ttl), value)
        stack.emptied.append((taken, time.time()))


async def _worker_killed(stack):
    for worker in stack.workers.values():
        stack.killed.append(time.time())
        worker.kill()
        stack.killed.append(time.time())
    tags = stack.unacked()
    await asyncio.to_thread(stack.start_workers)
    await asyncio.to_thread(stack.restore, tags)


async def _worker_frozen(stack):
    for worker in stack.workers.values():
        worker.signal(signal.SIGSTOP)
    await asyncio.sleep(LASTS)
    for worker in stack.workers.values():
        worker.signal(signal.SIGCONT)


async def _worker_warm(stack):
    await asyncio.to_thread(stack.end_workers, signal.SIGTERM)
    await asyncio.to_thread(stack.start_workers)


async def _worker_cold(stack):
    stack.cold.append(time.time())
    await asyncio.to_thread(stack.end_workers, signal.SIGQUIT, stack.cold)
    tags = stack.unacked()
    await asyncio.to_thread(stack.start_workers)
    await asyncio.to_thread(stack.restore, tags)


async def _clock_ahead(stack):
    """The store takes no writes meanwhile, so that others than it give versions."""
    await _store_full(stack)


async def _visibility_timeout(stack):
    with stack.visible_again(1.0) as restore:
        for _ in range(10):
            await asyncio.to_thread(restore)
            await asyncio.sleep(0.3)


async def _queue_purged(stack):
    until = time.time() + LASTS
    while time.time() < until:
        await asyncio.to_thread(stack.purge)
        await asyncio.sleep(0.01)
    stack.purged.append(time.time())


_WEATHERS = {
    "clock ahead": _clock_ahead,
    "visibility timeout": _visibility_timeout,
    "queue purged": _queue_purged,
    "short retention": _worker_killed,
    "store away": _store_away,
    "store frozen": _store_frozen,
    "store full": _store_full,
    "store read only": _store_read_only,
    "store set back": _store_set_back,
    "worker killed": _worker_killed,
    "worker frozen": _worker_frozen,
    "worker warm": _worker_warm,
    "worker cold": _worker_cold,
}
