"""What the watchers of a row saw, and what they never saw."""

import asyncio

import pytest


def is_over(event):
    return event["complete"]


def is_stalled(event):
    return event["stalled"]


def is_retry(event):
    return event["state"] == "RETRY"


async def nothing_seen(watchers, condition, *, within):
    """No watcher sees such an event in that time."""

    async def unseen(watcher):
        with pytest.raises(TimeoutError):
            await watcher.until(condition, within=within)

    await asyncio.gather(*(unseen(watcher) for watcher in watchers))


def restarts(watchers):
    """How often another run took over; the same for all. Within a run no count ever falls."""
    [runs] = {tuple(sorted({e["run"] for e in w.events if e["run"]})) for w in watchers}
    for watcher in watchers:
        seen = [(event["run"], event["current"]) for event in watcher.events if event["run"]]
        assert seen == sorted(seen), "runs are never mixed"
    return len(runs) - 1


async def reaches(watchers, current):
    """All of them have seen that many steps."""
    await asyncio.gather(
        *(each.until(lambda event: event["current"] >= current) for each in watchers)
    )
