"""Lives many lives of tasks on real parts, and says where the progress showed what was not so."""

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from uuid import uuid4

from tests.lifecycle import lives as drawing
from tests.lifecycle import rows
from tests.lifecycle.shrink import shrink
from tests.support import rights  # noqa: F401 - sets Django up

BATCH = 260  # lives that are lived at once
SHRUNK = 6  # kinds of findings: each takes minutes
VERSIONS = ("5.7", "5.6", "5.5")
EVIDENCE = "evidence.jsonl"  # in the folder of each batch


def main():
    options = _options()
    if options.judge:
        raise SystemExit(_judge_again(Path(options.judge), options))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that its servers end too
    if options.quick:
        options.shrink, options.lives = False, 150
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"{options.lives} lives, --seed {seed}", flush=True)
    with ExitStack() as stack:
        folder = options.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="lives-"))
        session = Session(Path(folder), options)
        began = time.monotonic()
        named = rows.lives([options.celery] if options.celery else VERSIONS) if options.rows else []
        chosen = [life for _, life in named] or _chosen(options, seed)
        found = session.live(chosen)
        print(f"{len(chosen)} lives in {time.monotonic() - began:.0f} s")
        print(*rows.table(named, session.known), sep="\n")
        kinds, smallest = _kinds(found)
        if options.shrink and smallest:
            most = sorted(smallest, key=lambda each: -len(kinds[each.kind]))[:SHRUNK]
            smallest = shrink(most, session.live) + [each for each in smallest if each not in most]
        report(smallest, kinds, verbose=options.verbose)
    raise SystemExit(bool(found))


def _kinds(found):
    """The findings of each kind, and the smallest of each."""
    kinds = defaultdict(list)
    for finding in found:
        kinds[finding.kind].append(finding)
    return kinds, [min(each, key=lambda one: len(one.life.to_json())) for each in kinds.values()]


def _judge_again(folder, options):
    """Judge a run that was kept by the present rules; whether there are findings."""
    from tests.lifecycle import evidence

    found = [
        finding
        for path in sorted(folder.glob(f"*/{EVIDENCE}"))
        for finding in evidence.judge_again(path)
    ]
    kinds, smallest = _kinds(found)
    print(f"{len(found)} findings")
    report(smallest, kinds, verbose=options.verbose)
    return bool(found)


def _copy(life, number):
    """The life, or others like it that are spread over the time of a batch."""
    if number == 0:
        return life
    return replace(life, task_id=str(uuid4()), start=round(life.start + number * 0.11 % 6, 2))


def _chosen(options, seed):
    copies = options.copies
    if options.life:
        given = [drawing.from_json(text) for text in options.life]
        if options.celery:
            given = [replace(life, celery=options.celery) for life in given]
        return [_copy(life, n) for life in given for n in range(copies)]
    if options.quick:
        return [
            drawing.draw(seed, number, weather="fair" if number < 110 else "store away")
            for number in range(150)
        ]
    drawn = [drawing.draw(seed, n, weather=options.weather) for n in range(options.lives)]
    return _with_versions(drawn, options.celery, seed)


def _with_versions(lives, celery, seed):
    """Batches as large as can be, each with one version; another seed gives another one."""
    found = []
    for index, weather in enumerate(drawing.WEATHERS):
        group = [life for life in lives if life.weather == weather]
        number = max(1, -(-len(group) // BATCH))
        if weather == "fair" and len(group) > 60:
            number = max(3, number)
        for n, life in enumerate(group):
            version = celery or VERSIONS[(seed + index + n % number) % 3]
            found.append(replace(life, celery=version))
    return found


def _options():
    parser = argparse.ArgumentParser(prog="python -m tests.lifecycle", description=__doc__)
    parser.add_argument("--lives", type=int, default=2000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--celery", choices=("5.5", "5.6", "5.7"))
    parser.add_argument("--weather", choices=drawing.WEATHERS)
    parser.add_argument("--life", action="append", help="a life, as JSON; any number of them")
    parser.add_argument("--copies", type=int, default=1, help="of each --life")
    parser.add_argument(
        "--quick", action="store_true", help="150 lives, of fair weather and one fault"
    )
    parser.add_argument("--rows", action="store_true", help="one life of each row of the docs")
    parser.add_argument("--keep", help="a folder for the evidence and the logs of all parts")
    parser.add_argument("--judge", help="a folder that was kept: judge its lives again")
    parser.add_argument("--no-shrink", dest="shrink", action="store_false")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


class Session:
    """Runs lives in batches of one weather."""

    def __init__(self, folder, options):
        from tests.lifecycle.stack import Servers

        self.folder, self.options = folder, options
        self.servers = Servers(folder)
        self.known = {}  # of each task id: its Living and what was Seen
        self._number = 0

    def live(self, lives):
        groups = defaultdict(list)
        for life in lives:
            groups[life.weather, life.celery].append(life)
        found = []
        for (weather, celery), members in groups.items():
            size = -(-len(members) // -(-len(members) // BATCH))
            for start in range(0, len(members), size):
                found += self.batch(members[start : start + size], weather, celery)
        return found

    def batch(self, lives, weather, celery):
        from tests.lifecycle import evidence
        from tests.lifecycle.batch import Batch
        from tests.lifecycle.stack import Stack

        self._number += 1
        # Celery collects the results of a group in the default queue.
        pools = sorted({life.pool for life in lives} | {"prefork"})
        folder = self.folder / str(self._number)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        stack = Stack(folder, self.servers, celery=celery, pools=pools, weather=weather)
        with stack:
            started = time.monotonic()
            batch = Batch(stack, lives, weather)
            found = asyncio.run(batch.run())
        self.known |= batch.known
        evidence.save(folder / EVIDENCE, batch.known, batch.facts, batch.decided_at)
        ended = time.monotonic()
        with (self.folder / "findings.jsonl").open("a") as file:
            file.writelines(json.dumps(asdict(each)) + "\n" for each in found)
        print(
            f"  {len(lives):4} lives, {weather}, Celery {celery}: {len(found)} findings, "
            f"{started - began:.0f} + {ended - started:.0f} s",
            flush=True,
        )
        return found


def report(smallest, kinds, *, verbose=False):
    """Each kind once, with its smallest life."""
    order = sorted(smallest, key=lambda each: -len(kinds[each.kind]))
    for each in order:
        print(
            f"\n{len(kinds[each.kind])} x {each.rule}: shown {each.shown}\n    truth: {each.truth}"
        )
        print(f"    --life '{each.life.to_json()}'")
        if verbose:
            print("\n".join(f"      {line}" for line in each.story))


if __name__ == "__main__":
    main()
