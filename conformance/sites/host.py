"""What the hosts without Django's settings have in common: where they are, and one call."""

import asyncio
import os
from urllib.parse import urlsplit

from progress import configure

from .redis import URL
from .starts import start

#: Of the site, as its clients see it.
HERE = os.environ["CONFORMANCE_URL"]
parts = urlsplit(HERE)
configure(redis_url=URL, secret="conformance", origins=[f"{parts.scheme}://{parts.netloc}"])


async def started(kind, mount="/progress"):
    """What a start answers; None for a kind there is not. Celery waits for Redis in a thread."""
    return await asyncio.to_thread(start, kind, HERE + mount)
