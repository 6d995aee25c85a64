"""What an event says."""

from __future__ import annotations

from ..checks import check, expect
from ..deployment.site import Site
from ..deployment.sockets import Frame
from .watching import rising, watched

FIELDS = {
    "type": str,
    "version": int,
    "run": int,
    "stalled": bool,
    "state": str,
    "task_id": str,
    "attempt": int,
    "started": (int, type(None)),
    "current": (int, float),
    "total": (int, float, type(None)),
    "unit": (str, type(None)),
    "percent": (int, float, type(None)),
    "rate": (int, float, type(None)),
    "eta": (int, float, type(None)),
    "description": str,
    "complete": bool,
    "success": (bool, type(None)),
    "result": object,
    "error": (str, type(None)),
}
OUTCOMES = {"SUCCESS", "FAILURE", "REVOKED"}
STATES = OUTCOMES | {"UNKNOWN", "PENDING", "STARTED", "PROGRESS", "RETRY"}
RUNNING, WAITING = {"STARTED", "PROGRESS"}, {"UNKNOWN", "PENDING"}
DESCRIPTION = 512  # characters


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
    started = event["started"]
    expect(event["state"] not in RUNNING or started is not None, "a run has no start")
    expect(event["state"] not in WAITING or started is None, f"{event['state']} has a start")
    expect(started is None or started <= event["version"], "a run begins after its event")
    guessed = event["rate"] is not None or event["eta"] is not None
    expect(not guessed or event["state"] == "PROGRESS", f"{event['state']} has a rate")
    expect(event["total"] is not None or event["eta"] is None, "an end without a total")


@check("Percent follows from current and total, and is below 100 before the end")
async def percent(site: Site) -> None:
    _, socket = await watched(site, "counting")
    for event in socket.events():
        shown, total = event["percent"], event["total"]
        if total is None:
            expect(shown is None, f"percent was {shown} without a total")
            continue
        expect(0 <= (-1 if shown is None else shown) <= 100, f"percent was {shown}")
        true = 100 * min(1, event["current"] / total) if total else 100
        true = true if event["complete"] else min(true, 99.99)
        expect(abs(shown - true) < 0.01, f"{event['current']} of {total} was said to be {shown} %")
    expect(socket.events()[-1]["percent"] == 100, "the outcome of a whole count is not 100 %")


@check("If the amount of work is unknown, total and percent are null")
async def endless(site: Site) -> None:
    _, socket = await watched(site, "endless")
    counted = [event for event in socket.events() if event["current"]]
    expect(counted, "no event said how far it was")
    expect(all(event["total"] is event["percent"] is None for event in counted), "one was not null")


@check("A task that fails ends with FAILURE, its last counts, and a message for people")
async def failing(site: Site) -> None:
    _, socket = await watched(site, "failing")
    event = socket.events()[-1]
    expect(event["state"] == "FAILURE", f"it ended with {event['state']}")
    expect(event["success"] is False, f"success was {event['success']}")
    expect(event["error"], "no word said why")
    expect("Traceback" not in event["error"], "a traceback left the house")
    expect(event["percent"] is None or event["percent"] < 100, "it failed at 100 %")


@check("A retry is not an outcome, and begins a new run")
async def retrying(site: Site) -> None:
    _, socket = await watched(site, "retrying")
    events = socket.events()
    rising(socket.versions())
    expect(events[-1]["state"] == "SUCCESS", f"it ended with {events[-1]['state']}")
    expect(events[-1]["attempt"] > 1, f"the last attempt was called {events[-1]['attempt']}")
    runs = {event["attempt"]: event["run"] for event in events if event["run"]}
    rising([runs[attempt] for attempt in sorted(runs)])


@check("A task that was never started is shown as unknown, not as pending for ever")
async def unknown(site: Site) -> None:
    task = await site.start("never-started")
    async with site.socket(task.websocket_url) as socket:
        event = await socket.event(within=2 * site.limits.at_once)
    state = (await site.ask("GET", task.status_url)).json()
    for each in (event, state):
        expect(each["state"] == "UNKNOWN", f"it was said to be {each['state']}")
        expect(each["version"] == 0, f"it has version {each['version']}")


@check("A description has at most 512 characters, and an event 8 KiB")
async def sizes(site: Site) -> None:
    _, socket = await watched(site, "wordy")
    longest = max(len(text.encode()) for text in socket.texts)
    expect(longest <= site.limits.event, f"an event had {longest} bytes")
    words = max(len(event["description"]) for event in socket.events())
    expect(0 < words <= DESCRIPTION, f"a description had {words} characters")
