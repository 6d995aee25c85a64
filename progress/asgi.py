"""The whole service as one ASGI application, to be mounted in any other.

Below where it is mounted:

(websocket)           many tasks over one socket
<task_id>/ (websocket) one task
<task_id>/            its state as JSON
<task_id>/events      its events as a stream
<task_id>/cancel/     its cancelling (POST)
task-progress.js      the element for pages, and the modules it loads
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.views.decorators.http import condition, require_safe

from .consumers import ASGIApplication, ProgressConsumer, Receive, Send, no_such_address
from .handshakes import Scope
from .hub import Hub
from .urls import urlpatterns
from .views import task_events

HERE = Path(__file__).parent
#: In an installed package, and in a checkout.
MODULES = next(
    each for each in (HERE / "static/progress", HERE.parent / "frontend") if each.exists()
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one websocket, one request, or the lifespan where it is asked for.

    Django's settings have to be there: those of the site, or what :func:`progress.configure` sets.
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
    """The scope with ``root_path`` as all of the path that others have used up.

    Hosts tell it in three ways: ``path`` as a whole with that as its beginning (the standard, and
    Starlette), ``path`` without it, or Channels' ``path_remaining``.
    """
    whole, root = scope["path"], (scope.get("root_path") or "").rstrip("/")
    if "path_remaining" in scope:
        root = whole.removesuffix(scope["path_remaining"]).rstrip("/")
    elif not f"{whole}/".startswith(f"{root}/"):
        whole = root + whole
    if whole == root:
        whole += "/"
    return {**scope, "root_path": root, "path": whole}


async def _socket(scope: Scope, receive: Receive, send: Send) -> None:
    below = scope["path"].removeprefix(scope["root_path"]).removeprefix("/")
    if below and not below.endswith("/"):
        await no_such_address(scope, receive, send)
        return
    kwargs = {"task_id": below.removesuffix("/")} if below else {}
    await _consumer({**scope, "url_route": {"args": (), "kwargs": kwargs}}, receive, send)


_consumer: ASGIApplication = ProgressConsumer.as_asgi()


class Pages(ASGIHandler):
    """Django's handler and the site's middleware, with our addresses in the place of the site's."""

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """See ``ASGIHandler``."""
        request, refusal = super().create_request(scope, body_file)
        if request is not None:
            request.urlconf = ROUTES
        return request, refusal


@cache
def _pages() -> Any:
    return Pages()  # reads the settings


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await Hub.end()
    await send({"type": "lifespan.shutdown.complete"})


def _read(name: str) -> bytes:
    return (MODULES / f"{name}.js").read_bytes()


def _etag(_request: HttpRequest, name: str) -> str:
    return f'"{sha256(_read(name)).hexdigest()[:32]}"'


@require_safe
@condition(etag_func=_etag)
def module(_request: HttpRequest, name: str) -> HttpResponse:
    """A module of the element; a browser asks each time whether it is another."""
    headers = {"Cache-Control": "no-cache"}
    return HttpResponse(_read(name), content_type="text/javascript", headers=headers)


#: A slash more than ours have, which Litestar puts at the end of every path.
SLASH = "/?$"
ROUTES: Any = (
    *(
        re_path(rf"^{each.stem}\.js{SLASH}", module, {"name": each.stem})
        for each in MODULES.glob("*.js")
    ),
    re_path(rf"^(?P<task_id>.+)/events{SLASH}", task_events),
    *urlpatterns,
)
