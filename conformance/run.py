"""Runs checks against a site, several at a time, and reports their results."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from .checks import CHECKS, Broken, Check, NotOffered
from .deployment.site import Site
from .promises import (
    cancelling,
    events,
    frames,
    origins,
    rights,
    sharing,
    states,
    streaming,
    watching,
)

#: In the order of the report; each registers its checks when it is imported.
GROUPS = (watching, events, sharing, states, streaming, rights, origins, frames, cancelling)
AT_ONCE = 8  # checks side by side


class Verdict(StrEnum):
    OK = "ok"
    FAIL = "FAIL"
    NOT_OFFERED = "not offered"


class Result(NamedTuple):
    """The result of a check; ``why`` says in a sentence why it is not ok."""

    check: Check
    verdict: Verdict
    why: str
    seconds: float


async def run(
    site: Site,
    checks: Iterable[Check] = CHECKS,
    *,
    at_once: int = AT_ONCE,
    patience: float = 1.0,
) -> list[Result]:
    """All of them, in their order; ``patience`` times their deadlines."""
    places = asyncio.Semaphore(at_once)
    checks = [each._replace(within=each.within * patience) for each in checks]
    # Those that wait longest begin first.
    order = sorted(checks, key=lambda each: -each.within)
    async with asyncio.TaskGroup() as running:
        tasks = [running.create_task(_try(site, each, places)) for each in order]
    return sorted((each.result() for each in tasks), key=lambda each: place(each.check))


def place(check: Check) -> tuple[int, int]:
    """Where in the report."""
    modules = [each.__name__ for each in GROUPS]
    return modules.index(check.function.__module__), [each.name for each in CHECKS].index(
        check.name
    )


async def _try(site: Site, check: Check, places: asyncio.Semaphore) -> Result:
    async with places:
        began = time.monotonic()
        verdict, why = await _verdict(site, check)
        return Result(check, verdict, why, time.monotonic() - began)


async def _verdict(site: Site, check: Check) -> tuple[Verdict, str]:
    try:
        async with asyncio.timeout(check.within):
            await check.function(site)
    except NotOffered as kind:
        return Verdict.NOT_OFFERED, f"tasks of the kind “{kind}” are not offered"
    except TimeoutError:
        return Verdict.FAIL, f"it was not done within {check.within:g} s"
    except Broken as broken:
        return Verdict.FAIL, str(broken)
    except Exception as error:
        return Verdict.FAIL, f"what came could not be read: {error!r}"
    return Verdict.OK, ""


def report(results: list[Result]) -> str:
    """For a terminal."""
    lines = []
    for group, members in groupby(results, key=lambda each: each.check.group):
        lines.append(f"\n{group}")
        for each in members:
            lines.append(f"  {each.verdict:11}  {each.check.name}")
            lines += [f"               {each.why}"] if each.why else []
    count = {verdict: sum(each.verdict is verdict for each in results) for verdict in Verdict}
    lines.append(f"\n{', '.join(f'{number} {verdict}' for verdict, number in count.items())}")
    return "\n".join(lines).strip()
