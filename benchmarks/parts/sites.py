"""The ASGI applications that are measured: this project's, and what no other can do without.

Which one a server serves is in BENCH_SITE, so that its process imports nothing of the others:

ours   the whole service
floor  accepts, and sends what one socket says to each of them in turn
raw    accepts, and sends what Redis publishes for a task to the one socket that watches it
"""

import asyncio
import gc
import os
import signal

sockets = {}  # what sends to a socket, by its path and by itself


async def floor(scope, receive, send):
    """No server can do less."""
    if scope["type"] == "websocket":
        await served(scope, receive, send)


async def raw(scope, receive, send):
    """Nobody who uses redis-py can do less."""
    if scope["type"] == "lifespan":
        return
    await raw.channels.subscribe(scope["path"])
    if raw.hearing is None:
        raw.hearing = asyncio.create_task(hear())
    await served(scope, receive, send)


async def hear():
    """Send on what is published."""
    async for message in raw.channels.listen():
        if message["type"] == "message":
            text = message["data"].decode()
            for send in list(sockets.get(message["channel"].decode(), ())):
                await send({"type": "websocket.send", "text": text})


async def served(scope, receive, send):
    """Hold a socket, and send what it says to all."""
    await receive()
    await send({"type": "websocket.accept"})
    watching = sockets.setdefault(scope["path"], {})
    watching[send] = None
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            frame = {"type": "websocket.send", "text": message["text"]}
            for each in [each for watching in sockets.values() for each in watching]:
                await each(frame)
    finally:
        del watching[send]


def ours():
    """With limits that let one address have all the sockets, at once."""
    from progress import configure
    from progress.asgi import application

    limits = {"sockets_per_address": 100_000, "handshake_rate": 100_000}
    configure(redis_url=os.environ["BENCH_REDIS"], secret=os.environ["BENCH_SECRET"], **limits)
    return application


def chosen():
    """The application that BENCH_SITE names."""
    name = os.environ["BENCH_SITE"]
    if name == "raw":
        from redis.asyncio import Redis

        raw.channels, raw.hearing = Redis.from_url(os.environ["BENCH_REDIS"]).pubsub(), None
    return ours() if name == "ours" else {"floor": floor, "raw": raw}[name]


signal.signal(signal.SIGUSR1, lambda *_: gc.collect())
application = chosen()
