"""The web application with the mitigations that TEST_WITHOUT names switched off."""

import asyncio
import os

from channels.db import aclose_old_connections, database_sync_to_async
from django.conf import settings
from django.db import connection

from progress import conf, limits
from progress.access import rules
from progress.hub import hub, outbox, outcomes, rechecks, reconciler
from progress.layers import subscription
from progress.store import redis
from progress.transports import connections, consumers, writer
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


def overtaken():
    """The hub shows each newer version, even of an older event."""
    hub.is_overtaken = lambda *_: False


def after_retry():
    """The store takes no outcome of a task that waits for its retry."""
    script("(state == 'RETRY' and OUTCOME[its_state])", "false")


def lost_retry():
    """A retry that never comes is not given up."""
    script("RUNNING[state] or state == 'RETRY'\n", "RUNNING[state]\n")


def short():
    """A running task is kept no longer than one that has ended."""
    conf.running_retention = conf.retention


def trust():
    """Rights end at once when the rule cannot be asked."""
    connections.TRUSTED_FOR = 0


def paced():
    """All connections are rechecked at once; a rule's limit includes its time in the queue."""
    rechecks.RECHECKS_AT_ONCE = 10**6
    run = rules._pool.run

    async def run_within(*args, within, queued):
        async with asyncio.timeout(within):
            return await run(*args, within=within, queued=queued)

    rules._pool.run = run_within


def first_frame():
    """A client that sends frames need not watch a task."""
    wait, heard = consumers.ProgressConsumer._next_message, set()

    async def wait_for_first(self, deadline):
        message = await wait(self, None if self in heard else deadline)
        heard.add(self)
        return message

    consumers.ProgressConsumer._next_message = wait_for_first


def replies():
    """Only the last 32 waiting replies are kept."""
    reply = outbox.Outbox.reply

    def reply_and_drop(self, frame, *, about=None):
        reply(self, frame, about=about)
        for old in list(self._replies)[:-32]:
            del self._replies[old]

    outbox.Outbox.reply = reply_and_drop


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
