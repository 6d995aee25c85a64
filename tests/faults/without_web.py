"""The web application with the mitigations that TEST_WITHOUT names switched off."""

import asyncio
import os

from channels.db import aclose_old_connections, database_sync_to_async
from django.conf import settings
from django.db import connection

from progress import limits
from progress.hub import hub, outbox, outcomes, reconciler
from progress.layers import subscription
from progress.store import redis
from progress.transports import consumers, writer
from tests.faults.rules import script
from tests.support.asgi import application, pages  # noqa: F401 - it is what the server runs

NEVER = 1e9


def probe():
    """Nobody looks whether the channel layer went deaf."""
    subscription.PROBE_INTERVAL = NEVER


def renewal():
    """Events lost while a connection to the layer was broken are not recovered."""
    subscription.Subscription._rejoined = lambda *_: None


def timeouts():
    """Commands to the store have no timeout."""
    redis.TIMEOUT = None


def missed():
    """A watcher gets no event for a task that the store does not know."""
    hub.Hub._missed = lambda *_: None


def settle():
    """Celery's result backend is not asked."""

    async def nothing(*_):
        return []

    outcomes.recorded = nothing


def confirm():
    """The store is read once after a group was joined."""
    reconciler.CONFIRM_AFTER = NEVER


def unmarked():
    """A silent task is shown as stalled only after the store has accepted the mark."""
    mark = "run, true, string.sub(text, body_at), keep_open)"
    script(f"if not pcall(write, {mark} then", f"write({mark}; if false then")


def layer():
    """The channel layer has its default settings."""
    config = {"hosts": [settings.LAYER_URL]}
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": config}}


def pace():
    """A socket is sent everything at once, at no pace."""
    limits.PACE = NEVER


def slow():
    """A client may let a frame wait for ever."""
    consumers.SLOW_AFTER = writer.SLOW_AFTER = NEVER


def ping():
    """The server sends no pings."""
    outbox.PING_AFTER = NEVER


def coalesced():
    """The store is read for each new watcher."""
    watch = hub.Hub.watch

    def reading(self, task_id, watcher):
        watch(self, task_id, watcher)
        read = asyncio.ensure_future(self._store.read([task_id]))
        self._tasks.append(read)

    hub.Hub.watch = reading


def snapshot():
    """The store is not read for new watchers."""
    reconciler.Reconciler.check = lambda *_: None


def before_each_frame(wait):
    init = writer.Writer.__init__

    def waiting(self, turns, send, socket):
        async def sending(message):
            await wait()
            await send(message)

        init(self, turns, sending, socket)

    writer.Writer.__init__ = waiting


def hop():
    """Each event passes the one thread that Channels' own consumers use."""
    before_each_frame(aclose_old_connections)


def asked():
    """The database is queried before each event."""
    before_each_frame(database_sync_to_async(connection.ensure_connection))


for name in os.environ["TEST_WITHOUT"].split():
    globals()[name]()
