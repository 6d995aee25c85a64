"""Watching one task."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..checks import Broken, check, expect
from ..deployment.site import Site
from ..deployment.sockets import Frame, Socket
from ..deployment.tasks import Task


async def watched(site: Site, kind: str) -> tuple[Task, Socket]:
    """A task of that kind from its start to its close, and the socket that saw it."""
    task = await site.start(kind)
    async with site.socket(task.websocket_url) as socket:
        await socket.outcome()
        await socket.closed()
    return task, socket


def rising(versions: list[int]) -> None:
    """Raises Broken for versions that stand or fall."""
    for before, after in pairwise(versions):
        expect(after > before, f"version {after} came after {before}")


@check("The present state comes at once, without a frame from the client")
async def at_once(site: Site) -> None:
    task = await site.some()
    async with site.socket(task.websocket_url) as socket:
        first = await socket.frame()
    expect(first.get("type") == "progress", f"the first frame was no event: {first}")
    expect(first["task_id"] == task.task_id, "the first event was of another task")


@check("The bar moves: events come while the task runs")
async def moves(site: Site) -> None:
    _, socket = await watched(site, "counting")
    shown = {event["percent"] for event in socket.events() if not event["complete"]}
    expect(len(shown) > 3, f"only {sorted(map(str, shown))} was to be seen before the outcome")


@check("A late watcher gets the present state at once")
async def late(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.websocket_url) as early:
        seen = await early.until(lambda event: event.get("current", 0) > 0, 30, "count")
        async with site.socket(task.websocket_url) as socket:
            first = await socket.event()
    expect(first["version"] >= seen["version"], "a late watcher got an older state than another")
    expect(first["current"] > 0, "a late watcher got a state without the counts")


@check("A watcher that connects after the end gets the outcome at once, and the close")
async def after_the_end(site: Site) -> None:
    task, before = await watched(site, "counting")
    async with site.socket(task.websocket_url) as socket:
        await socket.outcome()
        closed = await socket.closed()
    expect(socket.texts == before.texts[-1:], f"this came instead: {socket.texts}")
    expect(closed.code == 1000, f"the socket was closed with {closed.code}")


@check("A watcher that reconnects gets the present state, and no older state")
async def back(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.websocket_url) as socket:
        seen = await socket.until(lambda event: event.get("current", 0) > 0, 30, "count")
        socket.drop()
    async with site.socket(task.websocket_url) as socket:
        first = await socket.event()
        expect(first["version"] >= seen["version"], "the state was older than before")
        await socket.outcome()


@check("Versions rise with each event of a task")
async def versions(site: Site) -> None:
    _, socket = await watched(site, "counting")
    rising(socket.versions())


@check("The outcome comes last, and the server closes with 1000")
async def outcome(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.websocket_url) as socket:
        await socket.outcome()
        closed = await socket.closed()
    complete = [frame["complete"] for frame in socket.events()]
    expect(complete.count(True) == 1, f"{complete.count(True)} outcomes came")
    expect(complete[-1], "something came after the outcome")
    expect(socket.events()[-1]["state"] == "SUCCESS", "a task that succeeded ended otherwise")
    expect(closed.code == 1000, f"the socket was closed with {closed.code}")


@check("All watchers get the same outcome: by websocket, as JSON, and as server-sent event")
async def one_outcome(site: Site) -> None:
    task = await site.start("counting")
    async with (
        site.socket(task.websocket_url) as one,
        site.socket(task.shared_url) as many,
        site.stream(task.events_url) as stream,
    ):
        await many.subscribe(task)
        await one.outcome()
        await many.outcome()
        await stream.end()
    state = await site.ask("GET", task.status_url)
    said = {one.texts[-1], many.texts[-1], stream.texts[-1] if stream.texts else "", state.text}
    expect(len(said) == 1, f"it was said in {len(said)} ways: {said}")


@check("After 20 s of silence the server pings", within=60)
async def ping(site: Site) -> None:
    task = await site.start("quiet")
    async with site.socket(task.websocket_url) as socket:
        await pinged(socket, site)


async def pinged(socket: Any, site: Site) -> None:
    """Wait until nothing but a ping breaks a silence. Raises Broken when none does."""
    within = site.limits.ping + 5
    frame: Frame = {}
    while frame.get("type") != "ping":
        try:
            frame = await socket.frame(within)
        except Broken as error:
            raise Broken(f"no ping: {error}") from None
        expect(not frame.get("complete"), "the task ended before there was a ping")


@check("A watcher that does not read delays no other watcher")
async def slow(site: Site) -> None:
    task = await site.start("wordy")
    async with (
        site.socket(task.websocket_url) as one,
        site.socket(task.websocket_url) as two,
        site.socket(task.shared_url) as three,
        site.socket(task.websocket_url) as reads,
    ):
        await three.subscribe(task)
        for socket in (one, two, three):
            socket.pause()
        while not (await reads.event(within=site.limits.at_once))["complete"]:
            pass
