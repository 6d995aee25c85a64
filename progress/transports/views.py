"""The views of a task: its state as JSON, its events as a stream, and cancelling."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
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

#: The same answer for another user's task and for a task that does not exist.
FORBIDDEN = "You may not do this, or the task does not exist."
UNDECIDED = "Your permission could not be checked. Try again shortly."
BEARER = "Bearer "
DIGITS = 20  # a version has fewer
#: Keep proxies from caching and buffering the stream.
STREAM = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
REVOKE_WITHIN = 10.0  # seconds for the broker to accept the revoke

_pool = DaemonPool(4, "progress-cancel")


@login_not_required
@transaction.non_atomic_requests  # ATOMIC_REQUESTS rejects async views
@never_cache
@require_safe
async def task_status(request: HttpRequest, task_id: str) -> HttpResponse:
    """Answer with the newest event of the task, with state UNKNOWN for an unknown id.

    Accepts a token as ``Authorization: Bearer …`` or ``?token=…``. Answers 403 without the right to
    watch, and 503 with a Retry-After of 5 s when the store does not answer or the rule fails.
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


@login_not_required  # the permission rule decides, as for websockets
@transaction.non_atomic_requests
@never_cache
@require_GET
async def task_events(request: HttpRequest, task_id: str) -> HttpResponseBase:
    """Stream Server-Sent Events: the task's newest event, each newer event, and the outcome.

    ``data`` is the same as a websocket's frame, and ``id`` is the event's version. The event named
    in ``Last-Event-ID`` is not sent again; if it was the outcome, the answer is 204, which ends an
    EventSource. Accepts a token as :func:`task_status` does. Answers 403 without the right to
    watch and for pages of other sites, 429 for too many connections of a user or an address, 501
    under WSGI, which cannot stream, and 503 when the rule fails.
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
@transaction.non_atomic_requests
@never_cache
@require_POST
@csrf_exempt  # not by the middleware: the view checks it
async def task_cancel(request: HttpRequest, task_id: str) -> HttpResponse:
    """Revoke the task, and terminate its process if it runs. Answers 202, or 303 for a form.

    Accepts a token that permits "cancel", also as a form's field ``token``; answers 403 without
    the right to cancel. A task that has ended does not change. A client that accepts HTML, such as
    a form, is redirected to its field ``next``, or to the page it came from, if that is on this
    site. Django's CSRF protection applies, except for requests with ``Authorization: Bearer …``
    and either a valid token there or no cookies.
    """
    if _may_be_forged(request):
        return await _protected_cancel(request, task_id)
    return await _cancel(request, task_id)


async def _cancel(request: HttpRequest, task_id: str) -> HttpResponse:
    refusal = await _refusal(request, task_id, "cancel")
    if refusal is not None:
        return refusal
    try:
        # Taken here, since Celery's current application is another one in another thread.
        revoke = partial(current_app.control.revoke, task_id, terminate=True)
        await _pool.run(revoke, within=REVOKE_WITHIN, queued=REVOKE_WITHIN)
    except (OperationalError, RedisError, OSError):
        return _away("The task queue does not answer.")
    back = _page_to_return_to(request)
    if back is not None:
        return HttpResponseRedirect(back, status=303)
    return JsonResponse({"task_id": task_id}, status=202)


_protected_cancel = csrf_protect(_cancel)


def _page_to_return_to(request: HttpRequest) -> str | None:
    """Return the page of this site to redirect a form to; None for clients that want JSON."""
    if "text/html" not in request.headers.get("Accept", ""):
        return None
    for url in (request.POST.get("next"), request.headers.get("Referer")):
        if url and url_has_allowed_host_and_scheme(
            url, {request.get_host()}, require_https=request.is_secure()
        ):
            return url
    return None


def _may_be_forged(request: HttpRequest) -> bool:
    """Return whether a page of another site may have sent this request with the user's cookies."""
    bearer = _bearer(request)  # a page of another site cannot send this header
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
    """Return the response for a stream that cannot be opened."""
    if isinstance(error, RefusedError):
        return _refused(error)
    if isinstance(error, TooManyConnections):
        refusals.log(Reason(error.reason))
        return JsonResponse({"detail": "Too many connections.", "reason": error.reason}, status=429)
    if isinstance(error, UndecidedError):
        return _away(UNDECIDED)
    return JsonResponse({"detail": str(error)}, status=400)


def _refused(error: RefusedError) -> HttpResponse:
    if error.reason != Reason.FOREIGN_ORIGIN:  # foreign origins are logged elsewhere
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
    except SuspiciousOperation:  # too many form fields; Django would log a traceback
        return None


def _away(detail: str) -> HttpResponse:
    return JsonResponse({"detail": detail}, status=503, headers={"Retry-After": "5"})


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    # A new connection for each request: under WSGI each request has its own event loop.
    store = open_store()
    try:
        yield store
    finally:
        await store.aclose()
