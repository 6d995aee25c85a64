"""Watch a task in a terminal: ``python -m progress.watch URL``."""

from __future__ import annotations

import argparse
import sys

from .client.terminal import Exit, complain, run

STATUS = """exit status: 0 the task succeeded; 1 it failed or was cancelled; 2 wrong arguments; 3 no
right to watch it, or an unknown task; 4 the address is wrong, or no connection for too long; 130
interrupted; 141 nobody reads the output"""


def main(arguments: list[str] | None = None) -> int:
    """Watch the task that the arguments name, and return the exit status."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest:
        parser.error(
            "expected one URL, and only the options below"
        )  # do not repeat the arguments: they may contain a token
    try:
        from .client import watch  # noqa: PLC0415 - raises ImportError without websockets

        events = watch(options.url, token=options.token, patience=options.patience)
    except ImportError as error:
        complain(str(error))
        return Exit.BROKEN
    except ValueError as error:
        parser.error(str(error))
    return run(events, as_json=options.json, out=sys.stdout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m progress.watch", description=__doc__, epilog=STATUS, allow_abbrev=False
    )
    parser.add_argument("url", help="the task's websocket_url, ws://… or wss://…")
    parser.add_argument("--token", help="the token, if the URL has none")
    parser.add_argument("--json", action="store_true", help="write one event a line, as it arrives")
    words = "give up after so many seconds without a connection (30 before the first, then never)"
    parser.add_argument("--patience", type=float, metavar="SECONDS", help=words)
    return parser


if __name__ == "__main__":
    sys.exit(main())
