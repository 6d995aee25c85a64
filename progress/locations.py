"""Where a task can be watched: what a page or a script needs to know of one that was started."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest
from django.urls import reverse

from .access.tokens import make_token
from .routing import websocket_urlpatterns

#: A tuple of the websockets' routes is a URLconf, too; only the annotations do not know.
ROUTES: Any = tuple(websocket_urlpatterns)


def addresses(where: HttpRequest | str, task: Any, **options: Any) -> dict[str, str]:
    """For the JSON answer of a start: task_id, token, status_url, events_url and websocket_url.

    ``where`` is the request of a Django site; elsewhere the URL that ``progress.asgi`` is mounted
    at, as "https://example.com/progress". ``task`` is an AsyncResult or a task id. The token is
    bound to who is signed in at a Django site; ``options`` are those of :func:`make_token`. The
    URLs carry it, for clients that can give nothing but a URL.

    Raises NoReverseMatch when a Django site does not include ``progress.urls``.
    """
    task_id = str(getattr(task, "id", task))
    if isinstance(where, str):
        token = make_token(task, **options)
        status = socket = f"{where.rstrip('/')}/{quote(task_id)}/"
    else:
        token = make_token(task, getattr(where, "user", None), **options)
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


def status_path(task_id: str, token: str) -> str:
    """The path of the JSON state, with the token."""
    return f"{reverse('task_status', args=[task_id])}?{urlencode({'token': token})}"
