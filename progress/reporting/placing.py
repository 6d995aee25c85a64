"""Decides which run an event belongs to, and whether it is still published."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from ..events import RUNNING, Event, State, ended, is_same_task
from .runs import Run

JOIN_WITHIN = 10.0  # seconds that a forked process waits for the number of its run

#: The worker's name in an event about a task that no process began to execute.
UNBEGUN = "-"
#: The source of an event: a run, or a task id for an event from outside the task's runs.
Source = Run | str


def depends_on_store(source: Source, event: Event) -> bool:
    """Return whether the event must be compared with the event in the store.

    That is so for an outcome from outside the runs, for an event from a forked process, and for
    the outcome of a run for which a forked process may have reported.
    """
    if isinstance(source, Run):
        adopted = bool(source.adopted_at)
        return adopted or (event.complete and source.shared and source.said is source.seen)
    return event.state is not State.PENDING


def waits_for_number(run: Run, standing: Event | None) -> bool:
    """Return whether a forked process must wait until the store has the first event of its run."""
    return bool(run.adopted_at) and not _has_number(run, standing)


def has_waited_enough(run: Run) -> bool:
    """Return whether a forked process should give up waiting for the number of its run."""
    return time.monotonic() >= run.adopted_at + JOIN_WITHIN


def another_reports(run: Run, standing: Event | None) -> bool:
    """Return whether another forked process already reports for the run."""
    if not run.adopted_at or standing is None or standing.run != run.number:
        return False
    return standing.worker not in {run.worker, origin(run.worker)}


def place_own(run: Run, event: Event, standing: Event | None, ahead: int) -> Event:
    """Return the event of a run with the run's number, and with the time when it began.

    The store's clock is ``ahead`` microseconds ahead of this process's monotonic clock.
    """
    same = standing is not None and standing.run == run.number
    if run.started is None:
        # A forked process or an unpickled recorder does not know when the run began.
        known = standing.started if standing is not None and same else None
        run.started = int(run.began * 1e6) + ahead if known is None else known
    if event.complete and standing is not None and same:
        event = ended(standing, event)  # the counts came from a forked process
    started = None if event.state is State.PENDING else run.started
    if (event.run, event.started) == (run.number, started):
        return event
    return replace(event, run=run.number, started=started)


def without_overtaken(batch: Mapping[Source, Event]) -> dict[Source, Event]:
    """Leave out each FAILURE of a run if a later attempt of its task is in the same batch.

    Celery may record FAILURE, as after ``on_retry`` raised, for a task that it has sent again.
    """
    attempts: dict[str, tuple[int, int]] = {}
    for source, event in batch.items():
        if isinstance(source, Run):
            attempt = event.published, event.attempt
            attempts[event.task_id] = max(attempts.get(event.task_id, attempt), attempt)
    return {
        source: event
        for source, event in batch.items()
        if not isinstance(source, Run)
        or event.state is not State.FAILURE
        or (event.published, event.attempt) == attempts[event.task_id]
    }


def after_their_runs(batch: Mapping[Source, Event]) -> dict[Source, Event]:
    """Return the events from outside whose run ends in the same batch: the run's end comes first.

    Celery may drop a task's retry before the run that sent it has published its RETRY.
    """
    ending = {each.task_id for each in batch if isinstance(each, Run) and each.concluded}
    return {
        source: event
        for source, event in batch.items()
        if depends_on_store(source, event) and source in ending
    }


def waits_for_end(event: Event, standing: Event | None) -> bool:
    """Return whether an outcome from outside must wait until the stored run ends or stays stalled.

    A message was dropped while a run is at work. If that run sent the message and its RETRY is
    still on the way, the outcome is the task's; if the message was a copy, the run ends the task.
    """
    return (
        event.worker == UNBEGUN
        and standing is not None
        and is_same_task(event, standing)
        and event.attempt >= standing.attempt
        and standing.state in RUNNING
    )


def place_outside(event: Event, standing: Event | None) -> Event | None:
    """Return an event from outside as an event of the stored run, or None if it must be dropped."""
    if event.worker == UNBEGUN:
        event = replace(event, worker="")
    if standing is None or event.state is State.PENDING:
        return event
    if not is_same_task(event, standing):
        return event if event.published > standing.published else None  # the id is used again
    overtaken = event.attempt < standing.attempt
    if standing.complete or overtaken or _of_another_run(event, standing):
        return None
    return ended(standing, event)


def _has_number(run: Run, standing: Event | None) -> bool:
    if not run.number and standing is not None and standing.state in RUNNING:
        run.number = standing.run if standing.attempt == run.attempt else 0
    return bool(run.number)


def _of_another_run(event: Event, standing: Event) -> bool:
    """Return whether the task runs in another process, after a second delivery."""
    if standing.state not in RUNNING or event.attempt != standing.attempt:
        return False
    ours, theirs = origin(event.worker), origin(standing.worker)
    return bool(ours and theirs) and ours != theirs


def origin(worker: str) -> str:
    """Return the name of the process in which the run began; forked processes append to it."""
    return worker.partition(".")[0]
