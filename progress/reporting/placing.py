"""Which run an event belongs to, and whether it still matters."""

from __future__ import annotations

import time
from dataclasses import replace

from ..events import RUNNING, Event, State, ended
from .runs import Run

JOIN_WITHIN = 10.0  # seconds that a forked process waits for the number of its run

#: In an event from outside, the name of the process of a message that nobody began to execute.
UNBEGUN = "-"
#: Who offered an event: a run, or the id of a task that others reported on from outside its runs.
Source = Run | str


def depends_on_store(source: Source, event: Event) -> bool:
    """Whether the event must be compared with the event that stands.

    It comes from outside the runs, or from a forked process, or such a process may have reported
    for the run too.
    """
    if isinstance(source, Run):
        adopted = bool(source.adopted_at)
        return adopted or (event.complete and source.shared and source.said is source.seen)
    return event.state is not State.PENDING


def waits_for_number(run: Run, standing: Event | None) -> bool:
    """Whether a forked process must wait until the store has the first event of its run."""
    return bool(run.adopted_at) and not _has_number(run, standing)


def has_waited_enough(run: Run) -> bool:
    """Whether the number of an adopted run will not come any more."""
    return time.monotonic() >= run.adopted_at + JOIN_WITHIN


def another_reports(run: Run, standing: Event | None) -> bool:
    """Whether another forked process reports for the run, so that this one must not."""
    if not run.adopted_at or standing is None or standing.run != run.number:
        return False
    return standing.worker not in {run.worker, origin(run.worker)}


def place_own(run: Run, event: Event, standing: Event | None) -> Event:
    """The event of a run, with the number that the run has by now."""
    if event.complete and standing is not None and standing.run == run.number:
        event = ended(standing, event)  # a forked process knows the counts
    return event if event.run == run.number else replace(event, run=run.number)


def place_outside(event: Event, standing: Event | None) -> Event | None:
    """What others reported on a task, as the outcome of the run that stands; None to drop it."""
    unbegun = event.worker == UNBEGUN
    if unbegun:
        event = replace(event, worker="")
    if standing is None or event.state is State.PENDING:
        return event
    if event.published and standing.published and event.published != standing.published:
        return event if event.published > standing.published else None  # the id is used again
    overtaken = event.attempt < standing.attempt
    if standing.complete or overtaken or _of_another_run(event, standing, unbegun=unbegun):
        return None
    return ended(standing, event)


def _has_number(run: Run, standing: Event | None) -> bool:
    if not run.number and standing is not None and standing.state in RUNNING:
        run.number = standing.run if standing.attempt == run.attempt else 0
    return bool(run.number)


def _of_another_run(event: Event, standing: Event, *, unbegun: bool) -> bool:
    """Whether the same attempt runs in another process: the broker delivered it twice."""
    if standing.state not in RUNNING or event.attempt != standing.attempt:
        return False
    if unbegun:
        return not standing.stalled
    ours, theirs = origin(event.worker), origin(standing.worker)
    return bool(ours and theirs) and ours != theirs


def origin(worker: str) -> str:
    """The process that the task began in, by its own name or by that of a process it started."""
    return worker.partition(".")[0]
