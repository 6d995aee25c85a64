"""Another Django project: ``progress.asgi`` mounted in its own Channels routing."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ["DJANGO_SETTINGS_MODULE"] = "conformance.sites.django_settings"
os.environ["CONFORMANCE_MOUNT"] = "/live/progress"
pages = get_asgi_application()

from progress.asgi import application as progress  # noqa: E402 - after Django is set up


async def echo(scope, receive, send):
    """A websocket of the project's own."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 1000})


application = ProtocolTypeRouter(
    {
        "http": URLRouter([re_path(r"^live/progress", progress), re_path("", pages)]),
        "websocket": URLRouter([path("echo/", echo), re_path(r"^live/progress", progress)]),
        "lifespan": progress,
    }
)
