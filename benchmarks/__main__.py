"""Runs all benchmarks, or those with the given numbers; prints tables and targets, writes JSON.

    python -m benchmarks [--json FILE] [number ...]

Exits with 1 when a target is missed.
"""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version

MODULES = {
    1: "calls",
    2: "tasks",
    3: "fanout",
    4: "streaming",
    5: "memory",
    6: "accepting",
    7: "latency",
    8: "commands",
    9: "idle",
    10: "browser",
    11: "eta",
}
PACKAGES = [
    "django",
    "channels",
    "channels-redis",
    "daphne",
    "celery",
    "redis",
    "uvicorn",
    "tqdm",
    "rich",
]


def main():
    """Run them one after the other."""
    parser = argparse.ArgumentParser("python -m benchmarks")
    parser.add_argument("numbers", nargs="*", type=valid, metavar="number")
    parser.add_argument("--json", type=argparse.FileType("w"))
    options = parser.parse_args()
    machine = described()
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    tables = []
    for number in options.numbers or MODULES:
        began = time.monotonic()
        table = import_module(f"benchmarks.tables.{MODULES[number]}").measured()
        tables.append(table)
        print(f"\n{table}\n({time.monotonic() - began:.0f} s)", flush=True)
    targets = [target for table in tables for target in table.targets]
    print("\n## Targets", *targets, sep="\n")
    if options.json:
        json.dump({"machine": machine, "tables": [asdict(each) for each in tables]}, options.json)
    sys.exit(not all(each.met for each in targets))


def valid(word):
    """The number of a table. argparse's ``choices`` would refuse an empty list."""
    if word not in map(str, MODULES):
        raise argparse.ArgumentTypeError(f"a number from 1 to {len(MODULES)}, not {word!r}")
    return int(word)


def described():
    """The machine and the versions."""
    packages = {name: version(name) for name in PACKAGES}
    return {"cores": os.cpu_count(), "Python": platform.python_version(), **packages}


if __name__ == "__main__":
    main()
