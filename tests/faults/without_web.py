"""The web side with mitigations switched off: TEST_WITHOUT says which, separated by spaces."""

import asyncio
import os

from channels.db import aclose_old_connections, database_sync_to_async
from django.conf import settings
from django.db import connection

from progress import limits
from progress.hub import hub, outbox, reconciler
from progress.layers import subscription
from progress.store import redis
from progress.transports import consumers, writer
from tests.faults.rules import script
from tests.support.asgi import application, pages  # noqa: F401 - it is what the server runs

NEVER = 1e9


def probe():
    """Nobody looks whether the channel layer went deaf."""
    subscription.PROBE_AFTER = NEVER


def renewal():
    """What was lost while a connection to the layer was broken is not looked for."""
    subscription.Subscription._renewed = lambda *_: None


def timeouts():
    """The store has for ever to answer."""
    redis.TIMEOUT = None


def missed():
    """Nothing is said of a task that the store does not know."""
    hub.Hub._missed = lambda *_: None


def settle():
    """Celery's own record is not asked."""

    async def nothing(*_):
        return []

    reconciler.recorded = nothing


def confirm():
    """What was joined is looked at once."""
    reconciler.CONFIRM_AFTER = NEVER


def unmarked():
    """Of a silent task nothing is shown until the store took the mark that it is stalled."""
    mark = "run, true, string.sub(text, body_at))"
    script(f"if not pcall(write, {mark} then", f"write({mark}; if false then")


def layer():
    """The channel layer has plain settings."""
    config = {"hosts": [settings.LAYER_URL]}
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": config}}


def pace():
    """A socket is sent as much as there is."""
    limits.PACE = NEVER


def slow():
    """A client may keep a frame waiting for ever."""
    consumers.SLOW_AFTER = writer.SLOW_AFTER = NEVER


def ping():
    """A silent link stays silent."""
    outbox.PING_AFTER = NEVER


def coalesced():
    """Each who comes has the store read."""
    watch = hub.Hub.watch

    def reading(self, task_id, watcher):
        watch(self, task_id, watcher)
        read = asyncio.ensure_future(self._store.read([task_id]))
        self._tasks.append(read)

    hub.Hub.watch = reading


def snapshot():
    """Nobody looks at the store for those who come."""
    reconciler.Reconciler.look = lambda *_: None


def before_each_frame(wait):
    init = writer.Writer.__init__

    def waiting(self, turns, send, socket):
        async def sending(message):
            await wait()
            await send(message)

        init(self, turns, sending, socket)

    writer.Writer.__init__ = waiting


def hop():
    """Each event passes the one thread that works for all, as in Channels' own consumers."""
    before_each_frame(aclose_old_connections)


def asked():
    """The database is asked before each event."""
    before_each_frame(database_sync_to_async(connection.ensure_connection))


for name in os.environ["TEST_WITHOUT"].split():
    globals()[name]()
