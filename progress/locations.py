"""Where a task can be watched: what a page or a script needs to know of one that was started."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from .routing import websocket_urlpatterns
from .tokens import make_token

#: A tuple of the websockets' routes is a URLconf, too; only the annotations do not know.
ROUTES: Any = tuple(websocket_urlpatterns)


def addresses(request: HttpRequest, task: Any, **options: Any) -> dict[str, str]:
    """For the JSON answer of a start: task_id, token, status_url and websocket_url.

    ``task`` is an AsyncResult or a task id. The token is bound to who is signed in; ``options`` are
    those of :func:`make_token`. Both URLs carry it, for clients that can give nothing but a URL.

    Raises NoReverseMatch when ``progress.urls`` is not included.
    """
    task_id = str(getattr(task, "id", task))
    token = make_token(task, getattr(request, "user", None), **options)
    query = urlencode({"token": token})
    socket = reverse("task_socket", urlconf=ROUTES, args=[task_id])
    scheme = "wss" if request.is_secure() else "ws"
    return {
        "task_id": task_id,
        "token": token,
        "status_url": request.build_absolute_uri(status_path(task_id, token)),
        "websocket_url": f"{scheme}://{request.get_host()}{socket}?{query}",
    }


def status_path(task_id: str, token: str) -> str:
    """The path of the JSON state, with the token."""
    return f"{reverse('task_status', args=[task_id])}?{urlencode({'token': token})}"
