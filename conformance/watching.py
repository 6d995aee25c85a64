"""Watching one task."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from .checks import Broken, check, expect
from .site import Site
from .sockets import Frame, Socket
from .tasks import Task

FIELDS = {
    "type": str,
    "version": int,
    "run": int,
    "stalled": bool,
    "state": str,
    "task_id": str,
    "attempt": int,
    "current": (int, float),
    "total": (int, float, type(None)),
    "percent": (int, float, type(None)),
    "description": str,
    "complete": bool,
    "success": (bool, type(None)),
    "result": object,
    "error": (str, type(None)),
}
OUTCOMES = {"SUCCESS", "FAILURE", "REVOKED"}
STATES = OUTCOMES | {"UNKNOWN", "PENDING", "STARTED", "PROGRESS", "RETRY"}
DESCRIPTION = 512  # characters


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


@check("Who comes late gets the present state at once")
async def late(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.websocket_url) as early:
        seen = await early.until(lambda event: event.get("current", 0) > 0, 30, "count")
        async with site.socket(task.websocket_url) as socket:
            first = await socket.event()
    expect(first["version"] >= seen["version"], "a late watcher got an older state than another")
    expect(first["current"] > 0, "a late watcher got a state without the counts")


@check("Who comes after the outcome gets it at once, and the close")
async def after_the_end(site: Site) -> None:
    task, before = await watched(site, "counting")
    async with site.socket(task.websocket_url) as socket:
        await socket.outcome()
        closed = await socket.closed()
    expect(socket.texts == before.texts[-1:], f"this came instead: {socket.texts}")
    expect(closed.code == 1000, f"the socket was closed with {closed.code}")


@check("Who comes back gets the present state, and not an older one")
async def back(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.websocket_url) as socket:
        seen = await socket.until(lambda event: event.get("current", 0) > 0, 30, "count")
        socket.drop()
    async with site.socket(task.websocket_url) as socket:
        first = await socket.event()
        expect(first["version"] >= seen["version"], "the state was older than before")
        await socket.outcome()


@check("Versions rise with each event")
async def versions(site: Site) -> None:
    _, socket = await watched(site, "counting")
    rising(socket.versions())


@check("Every event has all fields, each of its type")
async def fields(site: Site) -> None:
    task, socket = await watched(site, "counting")
    _, failed = await watched(site, "failing")
    for event in [*socket.events(), *failed.events()]:
        well_formed(event)
    expect({event["task_id"] for event in socket.events()} == {task.task_id}, "an id was another's")


def well_formed(event: Frame) -> None:
    """Raises Broken for an event that is not as the protocol says."""
    missing = FIELDS.keys() - event.keys()
    expect(not missing, f"an event lacks {', '.join(sorted(missing))}")
    wrong = [name for name, types in FIELDS.items() if not isinstance(event[name], types)]
    expect(not wrong, f"an event has {wrong} of another type: {event}")
    expect(event["state"] in STATES, f"there is no state {event['state']}")
    complete = event["state"] in OUTCOMES
    expect(event["complete"] == complete, f"{event['state']} came with complete {not complete}")
    success = event["state"] == "SUCCESS" if complete else None
    expect(event["success"] is success, f"{event['state']} came with success {event['success']}")
    expect(event["version"] >= event["run"] >= 0, "a run is newer than its event")


@check("Percent is within 0 and 100, and what current and total say")
async def percent(site: Site) -> None:
    _, socket = await watched(site, "counting")
    for event in socket.events():
        shown, total = event["percent"], event["total"]
        if total is None:
            expect(shown is None, f"percent was {shown} without a total")
            continue
        expect(0 <= (-1 if shown is None else shown) <= 100, f"percent was {shown}")
        true = 100 * min(1, event["current"] / total) if total else 100
        expect(abs(shown - true) < 0.01, f"{event['current']} of {total} was said to be {shown} %")
    expect(socket.events()[-1]["percent"] == 100, "the outcome of a whole count is not 100 %")


@check("While the amount of work is unknown, total and percent are null")
async def endless(site: Site) -> None:
    _, socket = await watched(site, "endless")
    counted = [event for event in socket.events() if event["current"]]
    expect(counted, "no event said how far it was")
    expect(all(event["total"] is event["percent"] is None for event in counted), "one was not null")


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


@check("A task that fails ends with FAILURE, the counts it had, and words for people")
async def failing(site: Site) -> None:
    _, socket = await watched(site, "failing")
    event = socket.events()[-1]
    expect(event["state"] == "FAILURE", f"it ended with {event['state']}")
    expect(event["success"] is False, f"success was {event['success']}")
    expect(event["error"], "no word said why")
    expect("Traceback" not in event["error"], "a traceback left the house")
    expect(event["percent"] is None or event["percent"] < 100, "it failed at 100 %")


@check("A retry is not the outcome, and opens a run of its own")
async def retrying(site: Site) -> None:
    _, socket = await watched(site, "retrying")
    events = socket.events()
    rising(socket.versions())
    expect(events[-1]["state"] == "SUCCESS", f"it ended with {events[-1]['state']}")
    expect(events[-1]["attempt"] > 1, f"the last attempt was called {events[-1]['attempt']}")
    runs = {event["attempt"]: event["run"] for event in events if event["run"]}
    rising([runs[attempt] for attempt in sorted(runs)])


@check("All who watch hear the same outcome: by websocket, as JSON, and as server-sent event")
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


@check("A task that nobody has started is said to be unknown, and not to be pending for ever")
async def unknown(site: Site) -> None:
    task = await site.start("never-started")
    async with site.socket(task.websocket_url) as socket:
        event = await socket.event(within=2 * site.limits.at_once)
    state = (await site.ask("GET", task.status_url)).json()
    for each in (event, state):
        expect(each["state"] == "UNKNOWN", f"it was said to be {each['state']}")
        expect(each["version"] == 0, f"it has version {each['version']}")


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


@check("A watcher that does not read delays nobody")
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


@check("A description has at most 512 characters, and an event 8 KiB")
async def sizes(site: Site) -> None:
    _, socket = await watched(site, "wordy")
    longest = max(len(text.encode()) for text in socket.texts)
    expect(longest <= site.limits.event, f"an event had {longest} bytes")
    words = max(len(event["description"]) for event in socket.events())
    expect(0 < words <= DESCRIPTION, f"a description had {words} characters")
