"""The least that brings a Redis message to a websocket: what `latency` sets its figures beside.

A socket at /name is sent what is published to the channel "name", by one subscription for all.
"""

import asyncio
import os
from collections import defaultdict

from redis.asyncio import Redis

sockets = defaultdict(set)
subscription = Redis.from_url(os.environ["BENCH_REDIS"]).pubsub()
subscribing = asyncio.Lock()
relaying = []


async def application(scope, receive, send):
    """Accepts every websocket; no other requests."""
    if scope["type"] != "websocket":
        return
    channel = scope["path"].strip("/").encode()
    await receive()
    async with subscribing:  # two first ones would make two connections
        await subscription.subscribe(channel)
    sockets[channel].add(send)
    if not relaying:
        relaying.append(asyncio.create_task(_relay()))
    await send({"type": "websocket.accept"})
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        sockets[channel].discard(send)


async def _relay():
    async for message in subscription.listen():
        if message["type"] == "message":
            text = message["data"].decode()
            for send in list(sockets[message["channel"]]):
                await send({"type": "websocket.send", "text": text})
