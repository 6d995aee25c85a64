"""celery-progress's consumer and view as an ASGI application, in the peers' environment."""

import gc
import os
import signal

import django
from celery import Celery
from django.conf import settings

TASK = "benchmark"

url = os.environ["BENCH_REDIS"]
settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["celery_progress"],
    ROOT_URLCONF="celery_progress.urls",
    # The cheaper one here of Channels' two layers on Redis.
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [url]},
        }
    },
    LOGGING_CONFIG=None,
)
django.setup()

from celery_progress.websockets.routing import urlpatterns  # noqa: E402 - after the settings
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402

tasks = Celery("peers", backend=url)
meta = {"pending": False, "current": 5, "total": 10, "percent": 50.0, "description": "Importing"}
tasks.set_default()  # of all threads
tasks.backend.store_result(TASK, meta, "PROGRESS")
signal.signal(signal.SIGUSR1, lambda *_: gc.collect())
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter(urlpatterns)}
)
