"""The ASGI application: pages by Django, websockets by the progress app."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
pages = get_asgi_application()

from progress.routing import no_such_address, websocket_urlpatterns  # noqa: E402  after the set-up

sockets = URLRouter([*websocket_urlpatterns, re_path("", no_such_address)])
application = ProtocolTypeRouter({"http": ASGIStaticFilesHandler(pages), "websocket": sockets})
