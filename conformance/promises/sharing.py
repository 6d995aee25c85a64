"""Watching many tasks over one socket."""

from __future__ import annotations

import asyncio
from collections import Counter

from ..checks import check, expect
from ..deployment.site import Site
from ..deployment.tasks import Task, altered
from .watching import pinged, rising


async def started(site: Site, kind: str, count: int) -> list[Task]:
    """So many of a kind, asked for side by side."""
    return await asyncio.gather(*(site.start(kind) for _ in range(count)))


@check("Each subscription begins with the present state and ends with the outcome")
async def many(site: Site) -> None:
    tasks = await started(site, "counting", 3)
    async with site.socket(tasks[0].shared_url) as socket:
        for task in tasks:
            await socket.subscribe(task)
        for _ in tasks:
            await socket.outcome()
        for task in tasks:
            rising(socket.versions(task.task_id))
            expect(socket.events(task.task_id)[-1]["complete"], "a task had no outcome")


@check("After the outcome the subscription ends, and the socket stays open")
async def stays(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.shared_url) as socket:
        await socket.subscribe(task)
        first = await socket.outcome()
        await socket.subscribe(task)
        expect(await socket.frame() == first, "subscribing again did not tell the outcome again")


@check("Subscribing twice gives the present state again, and each later event once")
async def twice(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.shared_url) as socket:
        await socket.subscribe(task)
        await socket.event()
        await socket.subscribe(task)
        await socket.outcome()
        await socket.send("a last frame")
        await socket.error()
    counts = Counter(socket.versions())
    again = [version for version, count in counts.items() if count > 1]
    expect(len(again) <= 1 and max(counts.values()) <= 2, f"{len(again)} events came twice")
    expect(sorted(socket.versions()) == socket.versions(), "versions fell")


@check("After unsubscribing no event of the task arrives")
async def unsubscribe(site: Site) -> None:
    left, other = await started(site, "counting", 2)
    async with site.socket(left.shared_url) as socket:
        await socket.subscribe(left)
        await socket.event(left.task_id)
        await socket.unsubscribe(left)
        await socket.subscribe(other)
        await socket.event(other.task_id)
        before = len(socket.events(left.task_id))
        await socket.outcome(other.task_id)
        await asyncio.sleep(1)  # its own outcome would be due at about the same time
        await socket.send("a last frame")
        await socket.error()
    expect(len(socket.events(left.task_id)) == before, "events came of what was unsubscribed")


@check("Unsubscribing from a task that is not watched changes nothing")
async def unsubscribe_nothing(site: Site) -> None:
    task = await site.some()
    async with site.socket(task.shared_url) as socket:
        await socket.unsubscribe(task)
        await socket.subscribe(task)
        frame = await socket.frame()
    expect(frame.get("type") == "progress", f"this came: {frame}")


@check("A refused subscription gets an error frame, and the others continue")
async def refused(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.shared_url) as socket:
        await socket.subscribe(task)
        await socket.event()
        wrong = task.named(site.unknown_id()).bearing(altered(task.token or "", 10))
        await socket.subscribe(wrong)
        error = await socket.error()
        await socket.outcome(task.task_id)
    expect(error.get("code") == "forbidden", f"the code was {error.get('code')}")
    expect(error.get("task_id") == wrong.task_id, "the error did not say of which task it was")
    expect(error.get("detail"), "the error had no detail")


@check(
    "A subscription over the limit of 100 tasks gets the error too_many, and the others continue"
)
async def too_many(site: Site) -> None:
    tasks = await started(site, "never-started", site.limits.subscriptions + 1)
    async with site.socket(tasks[0].shared_url) as socket:
        for task in tasks:
            await socket.subscribe(task)
        error = await socket.error()
        expect(error.get("code") == "too_many", f"the code was {error.get('code')}")
        expect(error.get("task_id") == tasks[-1].task_id, "the error was of another task")
        await socket.unsubscribe(tasks[0])
        await socket.subscribe(tasks[-1])
        await socket.event(tasks[-1].task_id, within=2 * site.limits.at_once)


@check("The shared socket gets a ping after 20 s of silence, even without subscriptions", within=60)
async def ping(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.shared_url) as socket:
        await socket.subscribe(task)
        await socket.outcome()
        await pinged(socket, site)
