"""The ASGI applications that are measured: this project's, and floors that do the least.

BENCH_SITE names the one that a server serves, so that its process does not import the others:

ours   the whole service
floor  accepts, and sends what one socket says to each of them in turn
pings  accepts, and sends each socket a ping every 20 s
raw    accepts, and sends what Redis publishes for a task to the one socket that watches it
"""

import asyncio
import gc
import os
import signal
import time

PING_EVERY = 20  # seconds, as PING_AFTER in progress/protocol.py
PING = {"type": "websocket.send", "text": '{"type": "ping"}'}
sockets = {}  # what sends to a socket, by its path and by itself


async def floor(scope, receive, send):
    """Send one text to all sockets: the least a server must do."""
    if scope["type"] == "websocket":
        await served(scope, receive, send)


async def pings(scope, receive, send):
    """Ping each socket: the least with which a page can notice a dead connection."""
    if scope["type"] == "lifespan":
        return
    await receive()
    await send({"type": "websocket.accept"})
    if pings.sending is None:
        pings.sending = asyncio.create_task(ping())
    pings.due[send] = time.monotonic() + PING_EVERY
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        pings.due.pop(send, None)


pings.due, pings.sending = {}, None


async def ping():
    """Look once a second for sockets that are due; the one that waits longest comes first."""
    while True:
        await asyncio.sleep(1)
        for send, due in list(pings.due.items()):
            if due > time.monotonic():
                break
            del pings.due[send]
            pings.due[send] = due + PING_EVERY
            await send(PING)


async def raw(scope, receive, send):
    """Send on what Redis publishes: the least with redis-py."""
    if scope["type"] == "lifespan":
        return
    await raw.channels.subscribe(scope["path"])
    if raw.hearing is None:
        raw.hearing = asyncio.create_task(hear())
    await served(scope, receive, send)


async def hear():
    """Pass on what is published."""
    async for message in raw.channels.listen():
        if message["type"] == "message":
            text = message["data"].decode()
            for send in list(sockets.get(message["channel"].decode(), ())):
                await send({"type": "websocket.send", "text": text})


async def served(scope, receive, send):
    """Hold a socket, and send what it sends to all sockets."""
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
    """This project's application, without limits for one address."""
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
    return ours() if name == "ours" else {"floor": floor, "pings": pings, "raw": raw}[name]


signal.signal(signal.SIGUSR1, lambda *_: gc.collect())
application = chosen()
