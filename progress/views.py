"""The state of a task over plain HTTP: the same JSON as an event on the websocket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from .events import unknown
from .store import Store, open_store


@never_cache
@require_safe
async def task_status(request: HttpRequest, task_id: str) -> HttpResponse:
    """The newest event of the task, state UNKNOWN for an id of which nothing is known.

    503 with a Retry-After of 5 s when the store does not answer.
    """
    try:
        async with _store() as store:
            events = await store.read([task_id])
    except (RedisError, OSError):
        detail = "The progress store does not answer."
        return JsonResponse({"detail": detail}, status=503, headers={"Retry-After": "5"})
    text = events.get(task_id, unknown(task_id)).text()
    return HttpResponse(text, content_type="application/json")


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    # A connection a request: under WSGI each request has an event loop of its own.
    store = open_store()
    try:
        yield store
    finally:
        await store.aclose()
