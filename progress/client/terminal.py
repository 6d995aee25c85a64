"""A task's events in a terminal: as a bar, as lines or as JSON, and the exit status at the end."""

from __future__ import annotations

import asyncio
import math
import os
import re
import sys
import unicodedata
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing, nullcontext
from enum import IntEnum
from io import TextIOWrapper
from typing import Any, Protocol, TextIO

from ..events import Event, State
from .refusals import ForbiddenError, WatchError

WORDS = {
    State.UNKNOWN: "unknown",
    State.PENDING: "waiting",
    State.STARTED: "started",
    State.PROGRESS: "running",
    State.RETRY: "to be tried again",
    State.SUCCESS: "done",
    State.FAILURE: "failed",
    State.REVOKED: "cancelled",
}
STALLED = "no sign of life"
TITLE = 30  # columns, so that a long description leaves room for the bar
SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[PX\]^_].*?(?:\x1b\\|\x07|\Z)", re.DOTALL)
#: Control characters, lone surrogates, and what turns the direction of a line around.
INERT = {"Cc": " ", "Cs": "\ufffd", "Zl": " ", "Zp": " "}
TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Exit(IntEnum):
    """The exit status."""

    SUCCESS = 0
    FAILED = 1  # or cancelled
    USAGE = 2
    DENIED = 3  # no right to watch, or nothing known of such a task
    BROKEN = 4  # the connection, for good
    INTERRUPTED = 130  # Ctrl-C
    UNREAD = 141  # who read the output is gone


class Display(Protocol):
    """Where events are shown."""

    def show(self, event: Event) -> None:
        """The newest one. Raises BrokenPipeError when nobody reads any more."""


def run(events: AsyncGenerator[Event, None], *, as_json: bool, out: TextIO) -> Exit:
    """Show the events until the outcome. What is wrong is said in a line on stderr."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal has every letter
    try:
        return asyncio.run(_show(events, as_json=as_json, out=out))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.UNREAD
    except WatchError as error:
        complain(str(error))
        return Exit.DENIED if isinstance(error, ForbiddenError) else Exit.BROKEN


def complain(words: str) -> None:
    """A line on stderr."""
    print(inert(words), file=sys.stderr)  # noqa: T201 - a command's


async def _show(events: AsyncGenerator[Event, None], *, as_json: bool, out: TextIO) -> Exit:
    display = Json(out) if as_json else _for_people(out)
    async with aclosing(events):
        with display if isinstance(display, AbstractContextManager) else nullcontext():
            async for event in events:
                display.show(event)
                if event.state is State.UNKNOWN and event.version == 0:
                    break
    if event.state is State.UNKNOWN:
        complain("nothing is known of a task of this id")
        return Exit.DENIED
    return Exit.SUCCESS if event.success else Exit.FAILED


def _for_people(out: TextIO) -> Display:
    if not out.isatty() or os.environ.get("TERM") == "dumb":
        return Lines(out)
    try:
        return Bar(out)
    except ImportError:
        return Lines(out)


class Json:
    """One event a line, as it came over the wire."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, event: Event) -> None:
        self._out.write(f"{event.text()}\n")
        self._out.flush()


class Lines:
    """A line where a percent, the description or the state has changed.

    Where the amount is unknown, also where the first digit of the count has.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last: Any = None

    def show(self, event: Event) -> None:
        digits = str(int(event.current))
        done = (len(digits), digits[0]) if event.percent is None else math.floor(event.percent)
        known = (event.state, event.stalled, event.attempt, done, event.description, event.error)
        if known != self._last:
            self._out.write(f"{line(event)}\n")
            self._out.flush()
        self._last = known


class Bar:
    """A bar with counts, rate and the time that is left. Raises ImportError without rich."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415 - optional
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415
        from rich.table import Column  # noqa: PLC0415

        self._out = out
        self._run = 0
        self._progress = Progress(
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(max_width=TITLE, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[amount]}", markup=False),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(),
            console=Console(file=out),
            expand=True,
            redirect_stderr=sys.stderr.isatty(),  # what is written there goes above the bar
        )
        self._task = self._progress.add_task("connecting", total=None, amount="", rate="")
        self._last: Event | None = None

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        if self._last is not None and self._last.complete:
            self._out.write(f"{_state(self._last)}\n")

    def show(self, event: Event) -> None:
        task = self._progress.tasks[0]
        if event.run != self._run:
            self._progress.reset(self._task)  # another run has a rate of its own
        self._run, self._last, task.total = event.run, event, event.total
        self._progress.update(self._task, completed=event.current, description=_title(event))
        rate = f"{_number(task.speed)}/s" if task.speed and not event.complete else ""
        self._progress.update(self._task, amount=_amount(event), rate=rate)


def line(event: Event) -> str:
    """The event in words for people."""
    if event.state is not State.PROGRESS:
        return _state(event)
    words = [_amount(event), inert(event.description), f"({STALLED})" if event.stalled else ""]
    return "  ".join(filter(None, words)) or _state(event)


def _state(event: Event) -> str:
    words = STALLED if event.stalled else WORDS[event.state]
    return f"{words}: {inert(event.error)}" if event.error else words


def _title(event: Event) -> str:
    if event.stalled:
        return STALLED
    return inert(event.description) or WORDS[event.state]


def _amount(event: Event) -> str:
    if event.total is None:
        return _number(event.current) if event.current else ""
    counts = f"{_number(event.current)}/{_number(event.total)}"
    return f"{math.floor(event.percent or 0):3}%  {counts}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.3g}"


def inert(text: str) -> str:
    """The text without what a terminal would obey."""
    left = SEQUENCE.sub("", text)
    shown = (INERT.get(unicodedata.category(each), each) for each in left if each not in TURNS)
    return "".join(shown).strip()
