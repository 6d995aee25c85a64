"""The addresses at which a page or a script can watch a task."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest
from django.urls import reverse

from .access.tokens import amake_token, id_of, make_token
from .paths import written
from .routing import websocket_urlpatterns

#: Django accepts a tuple of routes as a URLconf, but its type annotations do not.
ROUTES: Any = tuple(websocket_urlpatterns)


def addresses(where: HttpRequest | str, task: Any, **options: Any) -> dict[str, str]:
    """Return task_id, token, status_url, events_url and websocket_url for a JSON response.

    ``where`` is the request of a Django site; elsewhere the URL that ``progress.asgi`` is mounted
    at, such as "https://example.com/progress". ``task`` is an AsyncResult or a task id. On a Django
    site the token is bound to the user of the request; ``options`` are those of
    :func:`make_token`. The URLs carry the token, for clients that can only be given a URL.

    In an async view, await :func:`aaddresses` instead. Raises ValueError without a task, and
    NoReverseMatch when a Django site does not include ``progress.urls``.
    """
    return _addresses(where, id_of(task), make_token(task, _request(where), **options))


async def aaddresses(where: HttpRequest | str, task: Any, **options: Any) -> dict[str, str]:
    """Do what :func:`addresses` does, in an async view, where ``request.user`` would block."""
    return _addresses(where, id_of(task), await amake_token(task, _request(where), **options))


def status_path(task_id: str, token: str) -> str:
    """Return the path of the JSON state, with the token in its query string."""
    return f"{reverse('task_status', args=[task_id])}?{urlencode({'token': token})}"


def _request(where: HttpRequest | str) -> HttpRequest | None:
    return None if isinstance(where, str) else where


def _addresses(where: HttpRequest | str, task_id: str, token: str) -> dict[str, str]:
    if isinstance(where, str):
        status = socket = f"{where.rstrip('/')}/{quote(written(task_id))}/"
    else:
        status = where.build_absolute_uri(reverse("task_status", args=[task_id]))
        socket = where.build_absolute_uri(reverse("task_socket", urlconf=ROUTES, args=[task_id]))
    query = urlencode({"token": token})
    return {
        "task_id": task_id,
        "token": token,
        "status_url": f"{status}?{query}",
        "events_url": f"{status}events?{query}",
        "websocket_url": f"ws{socket.removeprefix('http')}?{query}",
    }
