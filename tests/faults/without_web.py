"""The web side with mitigations switched off: TEST_WITHOUT says which, separated by spaces."""

import os

from django.conf import settings

from progress import hub, reconcile, store, subscription
from tests.asgi import application  # noqa: F401 - it is what the server runs

NEVER = 1e9


def probe():
    """Nobody looks whether the channel layer went deaf."""
    subscription.PROBE_AFTER = NEVER


def timeouts():
    """The store has for ever to answer."""
    store.TIMEOUT = None


def missed():
    """Nothing is said of a task that the store does not know."""
    hub.Hub._missed = lambda *_: None


def settle():
    """Celery's own record is not asked."""

    async def nothing(*_):
        return {}

    reconcile.settle = nothing


def confirm():
    """What was joined is looked at once."""
    reconcile.CONFIRM_AFTER = NEVER


def unmarked():
    """Of a silent task nothing is shown until the store took the mark that it is stalled."""
    store.ResponseError = KeyError


def layer():
    """The channel layer has plain settings."""
    config = {"hosts": [settings.LAYER_URL]}
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": config}}


for name in os.environ["TEST_WITHOUT"].split():
    globals()[name]()
