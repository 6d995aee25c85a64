"""The tests' application with one mitigation switched off: TEST_WITHOUT says which."""

import asyncio
import os
import threading
import time

from progress.reporting import celery_signals, current, delivery, publisher, recorder
from progress.reporting.runs import Run
from tests.faults.rules import script
from tests.support.celery import app  # noqa: F401 - it is what the worker runs


def nothing(*_, **__):
    """In the place of what is switched off."""


def flush():
    """A process that ends does not wait for its outcomes, which take longer than it to leave."""
    step = delivery.Delivery.step

    async def step_late(self):
        await self._wanted.wait()
        if any(event.complete for event in self._due.values()):
            await asyncio.sleep(5)
        await step(self)

    delivery.Delivery.step = step_late
    current.flush = nothing


def exit_limit():
    """A process that ends waits for long."""
    current.flush.__defaults__ = (5.0,)


def in_vain():
    """A process that ends waits again, after it did so in vain."""
    current.IN_VAIN = 0.0


def failed():
    """Nobody hears that a task failed, in the parent of the worker's children or in them."""
    celery_signals.failed = nothing


def revoked():
    """Nobody hears that a task was cancelled."""
    celery_signals.revoked = nothing


def retried():
    """Nobody hears that a run is over and another is to follow."""
    celery_signals.retried = nothing


def real_thread():
    """The publisher has a thread of ``threading``: under gevent and eventlet, a greenlet."""

    def start(begin, serve):
        threading.Thread(target=lambda: (begin(), serve()), daemon=True).start()
        time.sleep(0.1)  # lets it begin

    publisher.start_real_thread = start


def fork():
    """A forked process takes the publisher of its parent for its own."""
    current._after_fork.__code__ = (lambda: None).__code__


def takeover():
    """A run that another has taken over goes on speaking."""
    script("accepted = its_state == 'SUCCESS'", "accepted = true")


def first_outcome():
    """Outcomes from outside are told whatever stands, and each."""
    delivery.asks = lambda *_: False
    offer = delivery.Delivery.offer

    def offer_each(self, source, event):
        offer(self, source if isinstance(source, Run) else object(), event)

    delivery.Delivery.offer = offer_each


def runs():
    """A new run is not told from the last one."""
    script("accepted = true   --", "its_run = run; accepted = true   --")


def background():
    """A report waits until it is delivered."""
    attend = recorder.ProgressRecorder._attend

    def attend_and_wait(self):
        attend(self)
        current.flush(60)

    recorder.ProgressRecorder._attend = attend_and_wait


def clock():
    """Versions count from one, and do not come from Redis' clock."""
    script("math.max(now, version + 1)", "version + 1")


def keep():
    """What could not be delivered is not tried again."""
    delivery.Delivery._keep = nothing


def refusals():
    """What the store refuses is told to nobody."""
    delivery.ResponseError = KeyError


globals()[os.environ["TEST_WITHOUT"]]()
