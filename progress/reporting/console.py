"""A recorder for code that runs in a terminal instead of a task; it draws a bar with tqdm."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self


class ConsoleProgressRecorder:
    """Draws a bar in the terminal, with the methods of ProgressRecorder.

    Needs tqdm (``pip install channels-progress[console]``); raises ImportError without it.
    Keyword arguments are tqdm's own (``file``, ``unit``, …). The bar is closed when ``current``
    reaches ``total``, at the end of a ``with`` block, or by :meth:`close`.
    """

    def __init__(self, **options: Any) -> None:
        try:
            from tqdm import tqdm  # noqa: PLC0415 - optional
        except ImportError as error:
            raise ImportError(
                "ConsoleProgressRecorder draws with tqdm: pip install channels-progress[console]"
            ) from error
        self._bar = tqdm(**options)

    def set_progress(self, current: float, total: float | None, description: str = "") -> None:
        """Show that ``current`` of ``total`` is done; an empty description keeps the last one."""
        self._bar.total = total
        if description:
            self._bar.set_description_str(description, refresh=False)
        self._bar.update(current - self._bar.n)
        if total is not None and current >= total:
            self.close()

    def increment_progress(self, by: float = 1, description: str = "") -> None:
        """Show that ``by`` more is done."""
        self.set_progress(self._bar.n + by, self._bar.total, description)

    def close(self) -> None:
        """Close the bar; it stays on the screen."""
        self._bar.refresh()
        self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
