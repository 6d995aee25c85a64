"""What one execution of a task said last, in memory between its thread and the publisher."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ..events import Event, State, amount, words

if TYPE_CHECKING:
    from .publisher import Publisher

logger = logging.getLogger("progress")

#: (current, total, description) as the task gave them.
Said = tuple[Any, Any, Any]
NOTHING_SAID: Said = (0, None, "")
_forks = 0  # processes that were forked from this one


def count_fork() -> None:
    """Another process is about to be forked from this one."""
    global _forks  # noqa: PLW0603 - one count a process
    _forks += 1


class Run:
    """One execution of a task. The task's thread writes ``said``, the publisher reads it.

    ``said`` is replaced as one tuple, so that no reader sees half of it. ``attend`` asks the
    task's thread to come out of its fast path at the next report: the publisher sleeps and
    must be woken, or the result backend is due.
    """

    __slots__ = (
        "adopted_at",
        "attempt",
        "attend",
        "concluded",
        "forks",
        "number",
        "publisher",
        "result_at",
        "said",
        "seen",
        "sent_at",
        "state",
        "task_id",
        "warned",
    )

    def __init__(
        self, task_id: str, *, attempt: int = 1, publisher: Publisher | None = None
    ) -> None:
        self.task_id = task_id
        self.attempt = attempt
        self.publisher = publisher
        self.attend = publisher is not None
        self.said = NOTHING_SAID
        self.seen = NOTHING_SAID  # what the publisher last took
        self.sent_at = 0.0  # when it did, in seconds of the monotonic clock
        self.result_at = 0.0  # when the result backend is due, on the same clock
        self.state = State.STARTED
        self.number = 0  # the event's ``run``, which the store gives with the first event
        self.concluded = False  # nothing more is taken
        self.forks = _forks  # of this process when it began
        self.adopted_at = 0.0  # when it went on in a process forked from its own, on that clock too
        self.warned = False

    @property
    def shared(self) -> bool:
        """Whether a process that was forked from this one may report for it."""
        return self.forks != _forks

    def event(self, state: State, **more: Any) -> Event:
        """What was said, as an event. What is not a number counts as unknown; logged once."""
        if self.said is NOTHING_SAID:  # most tasks never report
            return Event(task_id=self.task_id, state=state, attempt=self.attempt, **more)
        current, total, description = self.said
        return Event(
            task_id=self.task_id,
            state=state,
            attempt=self.attempt,
            current=self._amount("current", current) or 0,
            total=self._amount("total", total),
            description=self._words(description),
            **more,
        )

    def _amount(self, name: str, value: object) -> float | None:
        if value is None:
            return None
        try:
            return amount(value)
        except ValueError as error:
            self._warn(f"{name} {error}")
            return None

    def _words(self, description: object) -> str:
        try:
            return words(description)
        except Exception as error:
            self._warn(f"description cannot be turned into text: {error!r}")
            return ""

    def _warn(self, what: str) -> None:
        if not self.warned:
            self.warned = True
            logger.warning("Progress of task %.200r: %s", self.task_id, what)
