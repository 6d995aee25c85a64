"""Shows a task's events in a terminal, as a bar, lines or JSON, and chooses the exit status."""

from __future__ import annotations

import asyncio
import math
import os
import re
import sys
import time
import unicodedata
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing, nullcontext
from enum import IntEnum
from io import TextIOWrapper
from typing import Any, Protocol, TextIO

from ..events import RUNNING, Event, State
from .amounts import counts, elapsed, speed, time_left
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
STALLED = "worker not responding"
TITLE = 30  # columns, so that a long description leaves room for the bar
SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[PX\]^_].*?(?:\x1b\\|\x07|\Z)", re.DOTALL)
#: Replacements of control characters, lone surrogates and line separators, by Unicode category.
INERT = {"Cc": " ", "Cs": "\ufffd", "Zl": " ", "Zp": " "}
#: Characters that change the direction of writing.
DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Exit(IntEnum):
    """The exit status of the command."""

    SUCCESS = 0
    FAILED = 1  # or was cancelled
    USAGE = 2
    DENIED = 3  # no right to watch, or an unknown task
    BROKEN = 4  # no connection
    INTERRUPTED = 130  # Ctrl-C
    UNREAD = 141  # nobody reads the output


class Display(Protocol):
    """A way to show events: as a bar, as lines, or as JSON."""

    def show(self, event: Event) -> None:
        """Show the newest event. Raises BrokenPipeError when nobody reads the output."""


def run(events: AsyncGenerator[Event, None], *, as_json: bool, out: TextIO) -> Exit:
    """Show the events until the outcome, and write each error to stderr as one line."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may not support some characters
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
    """Write one line to stderr."""
    print(inert(words), file=sys.stderr)  # noqa: T201 - this is a command


async def _show(events: AsyncGenerator[Event, None], *, as_json: bool, out: TextIO) -> Exit:
    display = Json(out) if as_json else _for_people(out)
    async with aclosing(events):
        with display if isinstance(display, AbstractContextManager) else nullcontext():
            async for event in events:
                display.show(event)
                if event.state is State.UNKNOWN and event.version == 0:
                    break
    if event.state is State.UNKNOWN:
        complain("the server knows no task with this id")
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
    """Writes each event as one line of JSON, unchanged."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, event: Event) -> None:
        self._out.write(f"{event.text()}\n")
        self._out.flush()


class Lines:
    """Writes a line when the percent (without decimals), the description or the state changes.

    While the total is unknown, it also writes a line when the first digit of the count changes.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last: Any = None

    def show(self, event: Event) -> None:
        digits = str(int(event.current))
        done = (len(digits), digits[0]) if event.percent is None else math.floor(event.percent)
        line_key = (event.state, event.stalled, event.attempt, done, event.description, event.error)
        if line_key != self._last:
            self._out.write(f"{line(event)}\n")
            self._out.flush()
        self._last = line_key


class Bar:
    """Draws a bar with counts, rate and times. Raises ImportError without rich.

    Between two events the times run on by the clock of this process.
    """

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415 - optional
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415
        from rich.table import Column  # noqa: PLC0415

        self._out = out
        self._last: Event | None = None
        self._since = 0.0  # when the last event came
        self._progress = Progress(
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(max_width=TITLE, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[amount]}", markup=False),
            TextColumn("{task.fields[times]}", markup=False),
            console=Console(file=out),
            expand=True,
            redirect_stderr=sys.stderr.isatty(),  # lines on stderr go above the bar
        )
        self._task = self._progress.add_task(
            "connecting", total=None, amount="", times=Now(self._times)
        )

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        if self._last is not None and self._last.complete:
            self._out.write(f"{_state(self._last)}\n")

    def show(self, event: Event) -> None:
        self._last, self._since = event, time.monotonic()
        self._progress.tasks[0].total = event.total
        self._progress.update(
            self._task, completed=event.current, description=_title(event), amount=_amount(event)
        )

    def _times(self) -> str:
        event = self._last
        if event is None or event.state not in RUNNING:
            return ""
        passed = time.monotonic() - self._since
        words = [_speed(event), time_left(None if event.eta is None else event.eta - passed)]
        if event.started is not None:
            words.insert(0, elapsed((event.version - event.started) / 1e6 + passed))
        return "  ".join(filter(None, words))


class Now:
    """Text that is made whenever it is drawn."""

    def __init__(self, text: Callable[[], str]) -> None:
        self._text = text

    def __format__(self, _: str) -> str:
        return self._text()


def line(event: Event) -> str:
    """Return the event as a line of text for people."""
    if event.state is not State.PROGRESS:
        return _state(event)
    words = [
        _amount(event),
        inert(event.description),
        _speed(event),
        time_left(event.eta),
        f"({STALLED})" if event.stalled else "",
    ]
    return "  ".join(filter(None, words)) or _state(event)


def _state(event: Event) -> str:
    words = STALLED if event.stalled else WORDS[event.state]
    return f"{words}: {inert(event.error)}" if event.error else words


def _title(event: Event) -> str:
    if event.stalled:
        return STALLED
    return inert(event.description) or WORDS[event.state]


def _amount(event: Event) -> str:
    unit = inert(event.unit or "")
    if event.total is None:
        return counts(event.current, None, unit) if event.current else ""
    return f"{math.floor(event.percent or 0):3}%  {counts(event.current, event.total, unit)}"


def _speed(event: Event) -> str:
    return speed(event.rate, inert(event.unit or ""))


def inert(text: str) -> str:
    """Return the text without characters that a terminal would interpret as commands."""
    visible = SEQUENCE.sub("", text)
    shown = (
        INERT.get(unicodedata.category(each), each) for each in visible if each not in DIRECTIONS
    )
    return "".join(shown).strip()
