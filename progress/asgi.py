"""The whole service as one ASGI application, which any other ASGI application can mount.

It has these addresses, relative to the path where it is mounted:

(websocket)           many tasks over one socket
<task_id>/ (websocket) one task
<task_id>/            its state as JSON
<task_id>/events      its events as a stream
<task_id>/cancel/     cancels it (POST)
task-progress.js      the element for pages, with the modules it loads
task-progress.css     reserves the room of bars until the element is defined
"""

from __future__ import annotations

import re
from collections.abc import Coroutine
from functools import cache
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.urls import path, re_path

from . import paths
from .hub import Hub
from .modules import names, serve_module
from .routing import TASK
from .transports.consumers import ProgressConsumer, no_such_address
from .transports.views import task_events
from .types import Receive, Scope, Send
from .urls import urlpatterns


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one websocket, one request, or the lifespan of the host.

    Django's settings must be set, by the site or by :func:`progress.configure`.
    """
    kind = scope["type"]
    if kind == "websocket":
        await _socket(mounted(scope), receive, send)
    elif kind == "http":
        await _pages()(dict(mounted(scope)), receive, send)
    elif kind == "lifespan":
        await _live(receive, send)
    else:
        raise ValueError(f"progress.asgi serves websocket, http and lifespan, not {kind!r}")


def mounted(scope: Scope) -> Scope:
    """Return the scope with the path of our mount point in ``root_path``.

    Hosts pass the mount point in three ways: at the start of ``path`` (the ASGI standard, and
    Starlette), removed from ``path``, or by Channels' ``path_remaining``.
    """
    whole, root = scope["path"], (scope.get("root_path") or "").rstrip("/")
    if "path_remaining" in scope:
        root = whole.removesuffix(scope["path_remaining"]).rstrip("/")
    elif not f"{whole}/".startswith(f"{root}/"):
        whole = root + whole
    if whole == root:
        whole += "/"
    if (root, whole) == (scope.get("root_path"), scope["path"]):
        return scope  # each websocket would keep a copy in memory
    return {**scope, "root_path": root, "path": whole}


def _socket(scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
    below = scope["path"].removeprefix(scope["root_path"]).removeprefix("/")
    if below and not below.endswith("/"):
        return no_such_address(scope, receive, send)
    task_id = paths.read(below.removesuffix("/")) if below else None
    return ProgressConsumer(scope, receive, send, task_id).run()


class Pages(ASGIHandler):
    """Django's request handler with the site's middleware, but with the URLs of this package."""

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """See ``ASGIHandler``."""
        request, refusal = super().create_request(scope, body_file)
        if request is not None:
            request.urlconf = ROUTES
        return request, refusal

    async def get_response_async(self, request: Any) -> Any:
        """See ``BaseHandler``. Adds nosniff, so that browsers trust the declared content type."""
        response = await super().get_response_async(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response


@cache
def _pages() -> Any:
    return Pages()  # reads the settings


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await Hub.end()
    await send({"type": "lifespan.shutdown.complete"})


#: Litestar appends a slash to every path.
SLASH = "/?$"
ROUTES: Any = (
    *(re_path(rf"^{re.escape(name)}{SLASH}", serve_module, {"name": name}) for name in names()),
    path(f"{TASK}/events/", task_events),
    *urlpatterns,
)
