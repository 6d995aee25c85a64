"""Run the suite against a deployment: ``python -m conformance --start URL``."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from contextlib import ExitStack
from dataclasses import fields
from urllib.parse import urlsplit

from .checks import CHECKS
from .deployment.parts import Part, listens
from .deployment.site import Site
from .limits import Limits
from .run import AT_ONCE, Result, Verdict, report, run

DESCRIPTION = """
Runs every promise of the protocol against a deployment, by its public addresses alone.

POST to URL has to start a task and answer the JSON of progress.addresses(). Where URL holds
{kind}, it is replaced by: counting (some seconds), failing, retrying, endless (no total), wordy
(long descriptions), quiet (says one word and is silent for 30 s), cancellable (its token permits
to cancel it), never-started (a token, but no task). 404 for a kind says that it is not offered.
"""
PORTS = {"http": 80, "https": 443}


def main(words: list[str] | None = None) -> int:
    """0 when nothing failed, 1 otherwise."""
    options = parser().parse_args(words)
    with ExitStack() as stack:
        if options.command:
            serve(stack, options)
        results = asyncio.run(check(options))
    print(report(results))
    return int(any(each.verdict is Verdict.FAIL for each in results))


def serve(stack: ExitStack, options: argparse.Namespace) -> None:
    """Start the server, and wait until it listens."""
    parts = urlsplit(options.start)
    server = stack.enter_context(Part(shlex.split(options.command)))
    port = parts.port or PORTS[parts.scheme]
    server.wait_for(lambda: listens(port, parts.hostname or "127.0.0.1"))


async def check(options: argparse.Namespace) -> list[Result]:
    """The checks whose names hold one of the words of --only, or all."""
    chosen = [
        each
        for each in CHECKS
        if not options.only or any(word in each.name for word in options.only)
    ]
    limits = Limits(**{name: type(getattr(Limits, name))(value) for name, value in options.limit})
    kinds, headers = dict(options.kind), dict(options.header)
    async with Site(
        options.start, origin=options.origin, kinds=kinds, headers=headers, limits=limits
    ) as site:
        return await run(site, chosen, at_once=options.at_once, patience=options.patience)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m conformance",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--start", metavar="URL", required=True, help="where a POST starts a task")
    add("--command", help="what starts the server; ended when all is done")
    add("--origin", help="where the site's own pages come from, if not from that URL's host")
    more = {"action": "append", "default": []}
    add("--kind", type=pair("="), help="KIND=WORD: what the site calls a kind", **more)
    add("--header", type=pair(":"), help="'NAME: VALUE', sent with each start", **more)
    names = ", ".join(f"{each.name}={each.default:g}" for each in fields(Limits))
    add("--limit", type=pair("="), help=f"NAME=VALUE, where it is another than {names}", **more)
    add("--at-once", type=int, default=AT_ONCE, help="checks side by side (%(default)s)")
    add("--patience", type=float, default=1.0, help="times the deadlines of the checks")
    add("--only", metavar="WORDS", help="only checks whose names hold these words", **more)
    return parser


def pair(mark: str) -> object:
    """Reads two words with that mark between them."""

    def read(text: str) -> tuple[str, str]:
        name, found, value = text.partition(mark)
        if not found:
            raise argparse.ArgumentTypeError(f"a name, {mark} and a value, not {text!r}")
        return name.strip(), value.strip()

    return read


if __name__ == "__main__":
    sys.exit(main())
