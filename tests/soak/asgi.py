"""The tests' application, with an address that counts what its process holds."""

import asyncio
import gc
import json
import sys
from collections import Counter

from tests.soak.cuts import cuts
from tests.support import asgi


def census():
    """Count objects and tasks after a garbage collection, without the request's own task.

    ``blocks`` counts every small piece of memory, also the strings and numbers that the garbage
    collector does not know: one id kept for each task shows there.
    """
    gc.collect()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    blocks = sys.getallocatedblocks()
    objects = gc.get_objects()
    kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in objects)
    return {
        "blocks": blocks,
        "objects": len(objects),
        "tasks": len(tasks),
        "tasks_by_name": Counter(name(task) for task in tasks),
        "objects_by_type": dict(kinds.most_common(200)),
    }


def name(task):
    coroutine = task.get_coro()  # or an asynchronous generator that is being closed
    return getattr(coroutine, "__qualname__", type(coroutine).__name__)


#: As in census.py and watchers.py.
TOLD = {"/census/": census, "/cuts/": lambda: list(cuts)}


async def application(scope, receive, send):
    tell = TOLD.get(scope["path"])
    if scope["type"] != "http" or tell is None:
        await asgi.application(scope, receive, send)
        return
    body = json.dumps(tell()).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
