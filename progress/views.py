"""The state of a task over plain HTTP, as the same JSON as on the websocket; and its cancelling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from celery import current_app
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from .access import Asker, UndecidedError, may
from .events import unknown
from .store import Store, open_store
from .tokens import read_token

#: The same for a task of somebody else's and for one that does not exist.
FORBIDDEN = "You may not do this, or there is no such task."
BEARER = "Bearer "


@never_cache
@require_safe
async def task_status(request: HttpRequest, task_id: str) -> HttpResponse:
    """The newest event of the task, state UNKNOWN for an id of which nothing is known.

    Takes a token as ``Authorization: Bearer …`` or ``?token=…``; 403 without the right to watch.
    503 with a Retry-After of 5 s when the store, or what knows the rights, does not answer.
    """
    refusal = await _refusal(request, task_id, "watch")
    if refusal is not None:
        return refusal
    try:
        async with _store() as store:
            events = await store.read([task_id])
    except (RedisError, OSError):
        return _away("The progress store does not answer.")
    text = events.get(task_id, unknown(task_id)).text()
    return HttpResponse(text, content_type="application/json")


@never_cache
@require_POST
@csrf_protect
async def task_cancel(request: HttpRequest, task_id: str) -> HttpResponse:
    """Have the task revoked, and its process ended if it runs: 202.

    Takes a token that permits "cancel", also as the field ``token`` of a form; 403 without. A
    task that is over stays as it is.
    """
    refusal = await _refusal(request, task_id, "cancel")
    if refusal is not None:
        return refusal
    try:
        await asyncio.to_thread(current_app.control.revoke, task_id, terminate=True)
    except (OperationalError, RedisError, OSError):
        return _away("The task queue does not answer.")
    return JsonResponse({"task_id": task_id}, status=202)


async def _refusal(request: HttpRequest, task_id: str, action: str) -> HttpResponse | None:
    try:
        if await may(Asker(request, read_token(_token(request))), task_id, action):
            return None
    except UndecidedError:
        return _away("Whether you may cannot be found out now.")
    return JsonResponse({"detail": FORBIDDEN}, status=403)


def _token(request: HttpRequest) -> str | None:
    bearer = request.headers.get("Authorization", "")
    if bearer.startswith(BEARER):
        return bearer.removeprefix(BEARER)
    try:
        return request.POST.get("token") or request.GET.get("token")
    except SuspiciousOperation:  # too many fields; Django would log a traceback
        return None


def _away(detail: str) -> HttpResponse:
    return JsonResponse({"detail": detail}, status=503, headers={"Retry-After": "5"})


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    # A connection a request: under WSGI each request has an event loop of its own.
    store = open_store()
    try:
        yield store
    finally:
        await store.aclose()
