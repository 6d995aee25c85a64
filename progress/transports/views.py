"""A task over plain HTTP: its state as JSON, its events as a stream, and its cancelling."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST, require_safe
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from ..access import refusals
from ..access.rules import Asker, may
from ..access.tokens import read_token
from ..events import unknown
from ..exceptions import RefusedError, TooManyConnections, UndecidedError
from ..pools import DaemonPool
from ..protocol import Reason
from ..store import Store, open_store
from .sse import EventStream

#: The same for another user's task and for one that does not exist.
FORBIDDEN = "You may not do this, or there is no such task."
UNDECIDED = "Your permission could not be checked. Try again shortly."
BEARER = "Bearer "
DIGITS = 20  # more than a version has
#: No proxy may keep events back until there are many.
STREAM = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
REVOKE_WITHIN = 10.0  # seconds for the task queue to take a cancelling

_pool = DaemonPool(4, "progress-cancel")


@login_not_required
@never_cache
@require_safe
async def task_status(request: HttpRequest, task_id: str) -> HttpResponse:
    """Answer with the newest event of the task, with state UNKNOWN for an unknown id.

    Takes a token as ``Authorization: Bearer …`` or ``?token=…``; 403 without the right to watch.
    503 with a Retry-After of 5 s when the store does not answer, or the rule fails.
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
    """Stream the task's events as Server-Sent Events: the newest, each newer one, the outcome.

    ``data`` is what the websocket would send, ``id`` the version of an event. The event named in
    ``Last-Event-ID`` is not sent again; if it was the outcome the answer is 204, which ends an
    EventSource. Takes a token as the state does. 403 without the right to watch, and for pages of
    other sites; 429 with too many connections of a user or an address; 501 under WSGI, which
    cannot stream; 503 when the rule fails.
    """
    if not isinstance(request, ASGIRequest):
        return JsonResponse({"detail": "Event streams need an ASGI server."}, status=501)
    try:
        stream = EventStream(request.scope, task_id, seen=_seen(request))
        await stream.open(_token(request))
    except (ValueError, RefusedError, TooManyConnections, UndecidedError) as error:
        return _denial(error)
    if await stream.is_over():
        stream.close()
        return HttpResponse(status=204)
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=STREAM)


@login_not_required
@never_cache
@require_POST
@csrf_exempt  # from the middleware; it is checked below
async def task_cancel(request: HttpRequest, task_id: str) -> HttpResponse:
    """Have the task revoked, and its process ended if it runs: 202, or for a form 303.

    Takes a token that permits "cancel", also as the field ``token`` of a form; 403 without. A task
    that is over stays as it is. A client that accepts HTML, as a page's form does, is redirected to
    the field ``next``, or back to the page it comes from, if that is on this site. Django's CSRF
    protection applies, except to requests with ``Authorization: Bearer …`` that have a good token
    in it, or no cookies.
    """
    if _may_be_forged(request):
        return await _protected_cancel(request, task_id)
    return await _cancel(request, task_id)


async def _cancel(request: HttpRequest, task_id: str) -> HttpResponse:
    refusal = await _refusal(request, task_id, "cancel")
    if refusal is not None:
        return refusal
    try:
        await _pool.run(_revoke, task_id, within=REVOKE_WITHIN, queued=REVOKE_WITHIN)
    except (OperationalError, RedisError, OSError):
        return _away("The task queue does not answer.")
    back = _page_to_return_to(request)
    if back is not None:
        return HttpResponseRedirect(back, status=303)
    return JsonResponse({"task_id": task_id}, status=202)


def _revoke(task_id: str) -> None:
    current_app.control.revoke(task_id, terminate=True)


_protected_cancel = csrf_protect(_cancel)


def _page_to_return_to(request: HttpRequest) -> str | None:
    """The page of this site that a form names or comes from; None for clients that want JSON."""
    if "text/html" not in request.headers.get("Accept", ""):
        return None
    for url in (request.POST.get("next"), request.headers.get("Referer")):
        if url and url_has_allowed_host_and_scheme(
            url, {request.get_host()}, require_https=request.is_secure()
        ):
            return url
    return None


def _may_be_forged(request: HttpRequest) -> bool:
    """Whether a page of another site may have made the browser send it, in its visitor's name."""
    bearer = _bearer(request)  # no such page can send this header
    return bearer is None or (bool(request.COOKIES) and read_token(bearer) is None)


async def _refusal(request: HttpRequest, task_id: str, action: str) -> HttpResponse | None:
    text = _token(request)
    who = Asker(request, read_token(text))
    try:
        if await may(who, task_id, action):
            return None
    except UndecidedError:
        return _away(UNDECIDED)
    return _refused(refusals.refused(who, task_id, action, text))


def _denial(error: Exception) -> HttpResponse:
    """The answer when a stream cannot be opened."""
    if isinstance(error, RefusedError):
        return _refused(error)
    if isinstance(error, TooManyConnections):
        refusals.log(Reason(error.reason))
        return JsonResponse({"detail": "Too many connections.", "reason": error.reason}, status=429)
    if isinstance(error, UndecidedError):
        return _away(UNDECIDED)
    return JsonResponse({"detail": str(error)}, status=400)


def _refused(error: RefusedError) -> HttpResponse:
    if error.reason != Reason.FOREIGN_ORIGIN:  # logged with the origins
        refusals.log_refused(error)
    return JsonResponse({"detail": FORBIDDEN, "reason": error.reason}, status=403)


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
    # A connection for each request: under WSGI each request has an event loop of its own.
    store = open_store()
    try:
        yield store
    finally:
        await store.aclose()
