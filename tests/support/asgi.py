"""The ASGI application of the tests' web servers: the addresses of this app and nothing else."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
pages = get_asgi_application()

from progress.routing import websocket_urlpatterns  # noqa: E402 - after Django is set up
from tests.support import celery  # noqa: E402, F401 - a site knows its Celery application

application = ProtocolTypeRouter({"http": pages, "websocket": URLRouter(websocket_urlpatterns)})
