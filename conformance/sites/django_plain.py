"""Django as in the README: ``progress.urls``, and ``progress.routing`` beside the pages."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "conformance.sites.django_settings"
pages = get_asgi_application()

from progress.routing import websocket_urlpatterns  # noqa: E402 - after Django is set up

application = ProtocolTypeRouter({"http": pages, "websocket": URLRouter(websocket_urlpatterns)})
