"""A task that is watched in this process: its newest event, told to all who watch it."""

from __future__ import annotations

from ..events import Event
from .outbox import Frame, Watcher
from .turns import Turns


class Topic:
    """Who watches a task, and who of them is yet to be told of ``event``, the newest.

    They are told some in each turn of the loop. A newer event takes the place of one that not all
    were told of, who then hear of the newer one only, and first.
    """

    __slots__ = ("_is_due", "_turns", "_untold", "event", "missing_since", "watchers")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._is_due = False
        self._untold: dict[Watcher, None] = {}
        self.watchers: dict[Watcher, None] = {}
        self.event: Event | None = None
        self.missing_since: float | None = None  # since when the store knows nothing of it

    def add(self, watcher: Watcher) -> None:
        """Offer it the present state as soon as it is known, and tell it each newer one."""
        self.watchers[watcher] = None
        self._untold.pop(watcher, None)  # not twice
        if self.event is not None:
            watcher.offer(self.event)

    def discard(self, watcher: Watcher) -> None:
        """Tell it nothing more."""
        self.watchers.pop(watcher, None)
        self._untold.pop(watcher, None)

    def tell(self, event: Event) -> None:
        """Have a newer event told to all."""
        if self.event is not None and self.event.complete:
            for watcher in self._untold:
                watcher.offer(self.event)  # where nothing takes its place
            self._untold = {}
        self.event, waiting = event, self._untold
        self._untold = self.watchers.copy()
        if waiting:
            # The last in the dict is told next. Otherwise some never had their turn, where events
            # come faster than all can be told.
            others = {each: None for each in self.watchers if each not in waiting}
            self._untold = others | waiting
        self._be_due()

    def take_turn(self, most: int) -> int:
        """See ``turns.Due``."""
        event, untold, told = self.event, self._untold, 0
        self._is_due = False
        if event is None or not untold:
            return 0
        frame, now = Frame(event.text(), event), self._turns.now()
        try:
            while untold and told < most:
                told += 1
                untold.popitem()[0].tell(event, frame, now)
        finally:  # the error of one is not the others'
            if untold:
                self._be_due()
        return told

    def _be_due(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._turns.add(self)
