"""The newest event of each task: in Redis, or in this process for tests and eager tasks."""

from __future__ import annotations

from .. import conf
from .base import Answer, Store

__all__ = ["Answer", "Store", "open_store"]


def open_store() -> Store:
    """Return the store of PROGRESS_REDIS_URL for the running event loop; the caller closes it."""
    url = conf.redis_url()
    if conf.in_memory():
        from .memory import MemoryStore  # noqa: PLC0415 - only tests and eager tasks use it

        return MemoryStore.shared()
    from .redis import RedisStore  # noqa: PLC0415 - a site with its events in memory needs no Redis

    return RedisStore(url)
