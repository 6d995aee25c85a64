"""The ASGI application: pages by Django, websockets by the progress app."""

import os
from urllib.parse import urlsplit

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.http.request import split_domain_port, validate_host
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
pages = get_asgi_application()

from progress.routing import websocket_urlpatterns  # noqa: E402  Django has to be set up first


def close_with(code, reason):
    """A websocket application that only says why it closes."""

    async def application(_scope, receive, send):
        await receive()
        # A page cannot see the code of a refused handshake, so accept first.
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": code, "reason": reason})

    return application


def is_welcome(scope):
    """Whether a websocket comes from a page of our own hosts, or from no page at all."""
    origin = dict(scope["headers"]).get(b"origin")
    if origin is None:
        return True
    try:
        domain, _port = split_domain_port(urlsplit(origin.decode("latin1")).netloc)
    except ValueError:
        return False
    return validate_host(domain, settings.ALLOWED_HOSTS)


foreign_page = close_with(4403, "pages of other sites may not watch")
# Without the last route Channels raises for an unknown address.
sockets = URLRouter([*websocket_urlpatterns, re_path("", close_with(4404, "no such address"))])


async def guarded_sockets(scope, receive, send):
    await (sockets if is_welcome(scope) else foreign_page)(scope, receive, send)


application = ProtocolTypeRouter(
    {"http": ASGIStaticFilesHandler(pages), "websocket": guarded_sockets}
)
