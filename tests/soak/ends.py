"""Ends a socket after an outcome in all the ways that a watcher of the soak must tell apart."""

import asyncio
import time

from twisted.internet import reactor

from progress.events import Event, State
from tests.soak import asgi


async def close(_receive, send, code=1000):
    await send({"type": "websocket.close", "code": code})


async def when_told(receive, send):
    await receive()
    await close(receive, send)


async def at_the_second(receive, send, code=1000):
    """Close in a pass of the event loop that begins in one second and ends in the next."""
    # Any timer of Twisted's that is due in the same pass: each other socket that ends makes one.
    reactor.callLater(0, lambda: None)
    await asyncio.sleep(0)
    await close(receive, send, code)
    time.sleep(1.01 - time.time() % 1)  # noqa: ASYNC251 - the loop is busy


async def refused_at_the_second(receive, send):
    await at_the_second(receive, send, 4403)


async def never(_receive, _send):
    await asyncio.Event().wait()


async def without_a_word(_receive, send):
    protocol = send.args[0]  # Daphne's send is a partial
    protocol.transport.abortConnection()


async def with_an_error(_receive, _send):
    raise RuntimeError("the application fails after the outcome")


ENDS = (
    close,
    when_told,
    at_the_second,
    refused_at_the_second,
    never,
    without_a_word,
    with_an_error,
)
BY_NAME = {end.__name__: end for end in ENDS}


async def application(scope, receive, send):
    if scope["type"] != "websocket":
        await asgi.application(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    outcome = Event(task_id="a", version=1, state=State.SUCCESS)
    await send({"type": "websocket.send", "text": outcome.text()})
    for _ in range(3):  # Twisted writes in the pass after the next
        await asyncio.sleep(0)
    await BY_NAME[scope["path"].strip("/")](receive, send)
