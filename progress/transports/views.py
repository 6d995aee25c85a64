"""A task over plain HTTP: its state as JSON, its events as a stream, and its cancelling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST, require_safe
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from ..access.grants import TooManyError
from ..access.rules import Asker, UndecidedError, may
from ..access.tokens import read_token
from ..events import unknown
from ..store import Store, open_store
from .sse import EventStream

#: The same for a task of somebody else's and for one that does not exist.
FORBIDDEN = "You may not do this, or there is no such task."
UNDECIDED = "Whether you may cannot be found out now."
BEARER = "Bearer "
DIGITS = 20  # more than a version has
#: Nobody on the way is to keep the events until they are many.
STREAM = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


@login_not_required
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


@login_not_required  # the same rule as for websockets decides, which no middleware sees
@never_cache
@require_GET
async def task_events(request: HttpRequest, task_id: str) -> HttpResponseBase:
    """The task's events as Server-Sent Events: the newest at once, each newer one, the outcome.

    ``data`` is what the websocket would send, ``id`` the version of an event; one named in
    ``Last-Event-ID`` is not sent again, and where it was the outcome the answer is 204, which ends
    an EventSource. Token as for the state. 403 without the right to watch, also for pages of other
    sites; 429 with too many connections of a user or an address; 501 under WSGI, which cannot
    stream; 503 with a Retry-After when nobody knows the rights now.
    """
    if not isinstance(request, ASGIRequest):
        return JsonResponse({"detail": "Event streams take an ASGI server."}, status=501)
    try:
        stream = EventStream(request.scope, task_id, seen=_seen(request))
        allowed = await stream.open(read_token(_token(request)))
    except ValueError as error:
        return JsonResponse({"detail": str(error)}, status=400)
    except TooManyError:
        return JsonResponse({"detail": "Too many connections."}, status=429)
    except UndecidedError:
        return _away(UNDECIDED)
    return await _streamed(stream) if allowed else _refused()


async def _streamed(stream: EventStream) -> HttpResponseBase:
    if await stream.is_over():
        stream.close()
        return HttpResponse(status=204)
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=STREAM)


@login_not_required
@never_cache
@require_POST
@csrf_exempt  # of a middleware; checked below
async def task_cancel(request: HttpRequest, task_id: str) -> HttpResponse:
    """Have the task revoked, and its process ended if it runs: 202.

    Takes a token that permits "cancel", also as the field ``token`` of a form; 403 without. A
    task that is over stays as it is. Django's CSRF protection holds, but for what comes with
    ``Authorization: Bearer …`` and a good token in it, or no cookies.
    """
    if _may_be_forged(request):
        return await _protected_cancel(request, task_id)
    return await _cancel(request, task_id)


async def _cancel(request: HttpRequest, task_id: str) -> HttpResponse:
    refusal = await _refusal(request, task_id, "cancel")
    if refusal is not None:
        return refusal
    try:
        await asyncio.to_thread(current_app.control.revoke, task_id, terminate=True)
    except (OperationalError, RedisError, OSError):
        return _away("The task queue does not answer.")
    return JsonResponse({"task_id": task_id}, status=202)


_protected_cancel = csrf_protect(_cancel)


def _may_be_forged(request: HttpRequest) -> bool:
    """Whether a page of another site may have had the browser send it, in its visitor's name."""
    bearer = _bearer(request)  # no such page can send this header
    return bearer is None or (bool(request.COOKIES) and read_token(bearer) is None)


async def _refusal(request: HttpRequest, task_id: str, action: str) -> HttpResponse | None:
    try:
        if await may(Asker(request, read_token(_token(request))), task_id, action):
            return None
    except UndecidedError:
        return _away(UNDECIDED)
    return _refused()


def _refused() -> HttpResponse:
    return JsonResponse({"detail": FORBIDDEN}, status=403)


def _seen(request: HttpRequest) -> int:
    seen = request.headers.get("Last-Event-ID", "")
    return int(seen) if seen.isascii() and seen.isdigit() and len(seen) < DIGITS else -1


def _bearer(request: HttpRequest) -> str | None:
    header = request.headers.get("Authorization", "")
    return header.removeprefix(BEARER) if header.startswith(BEARER) else None


def _token(request: HttpRequest) -> str | None:
    if (bearer := _bearer(request)) is not None:
        return bearer
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
