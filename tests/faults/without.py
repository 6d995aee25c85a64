"""The tests' Celery application with the mitigation that TEST_WITHOUT names switched off."""

import asyncio
import os
import threading
import time
from dataclasses import replace

from progress import conf
from progress.events import State
from progress.reporting import (
    celery_signals,
    current,
    delivery,
    outside,
    placing,
    publisher,
    recorder,
)
from progress.reporting.runs import Run
from progress.store import redis, result_backend
from tests.faults.rules import script
from tests.support.celery import app  # noqa: F401 - it is what the worker runs

NEVER = 2**53 - 1  # higher than any run


def nothing(*_, **__):
    """Replaces what is switched off."""


def flush():
    """A process exits without waiting until its outcomes are delivered."""
    step = delivery.Delivery.step

    async def step_late(self):
        await self._wanted.wait()
        if any(event.complete for event in self._due.values()):
            await asyncio.sleep(5)
        await step(self)

    delivery.Delivery.step = step_late
    current.flush = nothing


def exit_limit():
    """A process that exits waits for a long time."""
    current.flush.__defaults__ = (5.0,)


def in_vain():
    """A process that exits waits again after it has waited in vain."""
    current.IN_VAIN = 0.0


def failed():
    """Nobody listens for failed tasks, neither in the worker's parent nor in its children."""
    celery_signals.failed = nothing


def revoked():
    """Nobody listens for revoked tasks."""
    outside.revoked = nothing


def unknown():
    """Nobody listens for tasks that the worker does not know."""
    outside.unknown_task = nothing


def ignored():
    """A task that ends by Ignore counts as dropped, also if another took its place."""
    celery_signals._ignored = lambda run, _: celery_signals._conclude(run, State.REVOKED)


def eager():
    """An eager task is not published, wherever its store is."""
    celery_signals._is_watched = lambda _, request: not request.is_eager


def retried():
    """Nobody listens for retries."""
    celery_signals.retried = nothing


def real_thread():
    """The publisher runs in a ``threading`` thread, which gevent and eventlet replace."""

    def start(begin, serve):
        threading.Thread(target=lambda: (begin(), serve()), daemon=True).start()
        time.sleep(0.1)  # so that the greenlet begins

    publisher.start_real_thread = start


def fork():
    """A forked process uses the publisher of its parent."""
    current._after_fork.__code__ = (lambda: None).__code__


def takeover():
    """A run goes on reporting after another run has taken over its task."""
    script("return its_state == 'SUCCESS' end  -- another run", "return true end  -- another run")
    outside.stamp_of = lambda _: 0  # nor does anybody know which task was sent later


def attempts():
    """Attempts are not compared: an event without a run is that of a new run."""
    script("if its_attempt ~= attempt then", "if false then")


def lives():
    """An id that is used again goes on with the life of its former task."""
    script("its_published ~= published then", "false then")


def processes():
    """The end of one process is the end of the task, wherever it runs now."""
    placing._of_another_run = lambda *_, **__: False


def set_back():
    """A run ends when the store has any other event of its task than the run's."""
    beat = redis.RedisStore.beat

    async def beat_or_end(self, runs):
        runs = list(runs)
        answers = await beat(self, runs)
        return [
            (taken, event and replace(event, run=event.run if taken else NEVER))
            for taken, event in answers
        ]

    redis.RedisStore.beat = beat_or_end


def first_outcome():
    """Every outcome from outside a run is sent, whatever is stored."""
    delivery.depends_on_store = lambda *_: False
    offer = delivery.Delivery.offer

    def offer_each(self, source, event):
        offer(self, source if isinstance(source, Run) else object(), event)

    delivery.Delivery.offer = offer_each


def runs():
    """A new run is not distinguished from the one before."""
    script(
        "its_run == 0 then its_run = nil end", "its_run == 0 and run == 0 then its_run = nil end"
    )


def background():
    """A report waits until it is delivered."""
    attend = recorder.attend

    def attend_and_wait(run):
        attend(run)
        current.flush(60)

    recorder.attend = attend_and_wait


def clock():
    """Versions count from one instead of following Redis' clock."""
    script("math.max(now, version + 1)", "version + 1")


def own_clock():
    """The version of an event that is not stored follows the clock of this process."""

    async def clock(_):
        return time.time_ns() // 1000

    delivery.Delivery.clock = clock


def once():
    """An event that the store does not take is sent again at each try."""
    announce = delivery.Delivery._announce_unstored

    async def announce_again(self, *batches):
        self._unstored = {}
        await announce(self, *batches)

    delivery.Delivery._announce_unstored = announce_again


def aborted():
    """PROGRESS replaces ABORTED in the result backend too."""
    result_backend.OURS |= {"ABORTED"}


def short():
    """A running task is kept no longer than one that has ended."""
    conf.running_retention = conf.retention


def own_trouble():
    """When the result backend refuses one task, all tasks pause their writes."""
    begin = result_backend.Trouble.begin
    result_backend.Trouble.begin = lambda _, *why: begin(result_backend._away, *why)


def keep():
    """A failed delivery is not tried again."""
    delivery.Delivery._keep = nothing


def refusals():
    """Events that the store refuses are not sent."""
    delivery.ResponseError = KeyError


globals()[os.environ["TEST_WITHOUT"]]()
