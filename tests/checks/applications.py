"""ASGI applications of sites, with and without the websocket route."""

from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.urls import path, re_path
from starlette.applications import Starlette
from starlette.routing import Mount

from progress.asgi import application as embedded
from progress.routing import no_such_address, websocket_urlpatterns

pages = get_asgi_application()
chat = path("chat/", WebsocketConsumer.as_asgi())


def site(routes):
    return ProtocolTypeRouter({"http": pages, "websocket": URLRouter(routes)})


async def by_hand(scope, receive, send):
    """Dispatches in code that nobody can look through."""


plain = site(websocket_urlpatterns)
after_others = site([chat, *websocket_urlpatterns, re_path("", no_such_address)])
below_a_prefix = site([chat, path("live/", URLRouter(websocket_urlpatterns))])
in_middleware = ProtocolTypeRouter(
    {
        "http": ASGIStaticFilesHandler(pages),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
mounted = Starlette(routes=[Mount("/progress", app=embedded), Mount("/", app=pages)])

without_websockets = ProtocolTypeRouter({"http": pages})
with_other_sockets = site([chat])
with_other_sockets_in_middleware = ProtocolTypeRouter(
    {"http": pages, "websocket": AuthMiddlewareStack(URLRouter([chat]))}
)
static_files = ASGIStaticFilesHandler(pages)
