"""The tests' Celery application with the mitigation that TEST_WITHOUT names switched off."""

import asyncio
import os
import threading
import time

from progress.reporting import (
    celery_signals,
    current,
    delivery,
    outside,
    publisher,
    recorder,
)
from progress.reporting.runs import Run
from tests.faults.rules import script
from tests.support.celery import app  # noqa: F401 - it is what the worker runs


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


def keep():
    """A failed delivery is not tried again."""
    delivery.Delivery._keep = nothing


def refusals():
    """Events that the store refuses are not sent."""
    delivery.ResponseError = KeyError


globals()[os.environ["TEST_WITHOUT"]]()
