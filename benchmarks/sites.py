"""The ASGI applications that are measured: this project's, and the floor below it.

Which one a server serves is in BENCH_SITE, so that its process imports nothing of the other.
"""

import os

sockets = set()


async def floor(scope, receive, send):
    """Accepts, and sends what is posted to it to each socket in turn: no server can do less."""
    if scope["type"] == "lifespan":
        for word in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{word}.complete"})
    elif scope["type"] == "http":
        text = (await receive())["body"].decode()
        for each in list(sockets):
            await each({"type": "websocket.send", "text": text})
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
    else:
        await receive()
        await send({"type": "websocket.accept"})
        sockets.add(send)
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            sockets.discard(send)


def ours():
    """The whole service, with limits that let one address have all the sockets."""
    from progress import configure
    from progress.asgi import application

    limits = {"sockets_per_address": 100_000, "handshake_rate": 100_000}
    configure(redis_url=os.environ["BENCH_REDIS"], secret=os.environ["BENCH_SECRET"], **limits)
    return application


application = ours() if os.environ.get("BENCH_SITE") == "ours" else floor
