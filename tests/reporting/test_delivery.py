"""Delivery to a real Redis server that accepts no writes, or has lost its newest events."""

import asyncio
import time

import pytest
from redis.exceptions import ResponseError

from progress.events import Event, State
from progress.reporting.current import current_publisher, flush
from progress.reporting.delivery import Delivery
from progress.reporting.placing import JOIN_WITHIN
from progress.reporting.runs import Run
from progress.store.base import readable


@pytest.fixture
def full(raw):
    """A server that answers but accepts no writes."""
    raw.config_set("maxmemory", "1")
    yield raw
    raw.config_set("maxmemory", "0")


def sent(raw):
    """Return how many messages were published."""
    stats = raw.info("commandstats")
    return stats.get("cmdstat_publish", {"calls": 0})["calls"] + sum(
        stats.get(name, {"calls": 0})["calls"] for name in ("cmdstat_eval",)
    )


async def failing(delivery, times=1):
    for _ in range(times):
        with pytest.raises(ResponseError):
            await delivery.step()


async def test_an_event_that_cannot_be_stored_is_sent_to_its_group_once(store, full):
    delivery = Delivery(store, refused=lambda _: None)
    for run in [Run("a"), Run("b"), Run("c")]:
        delivery.offer(run, run.event(State.PROGRESS))
    await failing(delivery)
    before = sent(full)
    await failing(delivery, times=5)
    assert sent(full) == before


async def test_a_pending_is_not_sent_after_a_later_event_that_could_not_be_stored(
    hub, watch, store, full
):
    watched = watch("a")
    delivery, run = Delivery(store, refused=lambda _: None), Run("a")
    delivery.offer(run, run.event(State.PROGRESS))
    await failing(delivery)
    await watched.until(lambda event: event.state is State.PROGRESS)
    delivery.offer(
        "a", Event(task_id="a", state=State.PENDING)
    )  # after the run's event, in the same batch
    run.said = (1, 2, "later", None)
    delivery.offer(run, run.event(State.PROGRESS))
    await failing(delivery)
    await watched.until(lambda event: event.description == "later")
    assert State.PENDING not in {event.state for event in watched.events}


async def test_sent_events_that_could_not_be_stored_are_remembered_only_while_they_wait(
    store, full, monkeypatch
):
    monkeypatch.setattr("progress.reporting.delivery.BACKLOG", 10)
    delivery = Delivery(store, refused=lambda _: None)
    for _ in range(5):
        for run in [Run("a") for _ in range(10)]:
            delivery.offer(run, run.event(State.PROGRESS))
        await failing(delivery)
    assert len(delivery._unstored) <= 20  # events that wait, and events that arrived meanwhile


async def test_a_forked_process_gives_up_a_run_whose_number_never_arrives(store):
    refused = []
    delivery, run = Delivery(store, refused=refused.append), Run("a")
    run.adopted_at = time.monotonic() - JOIN_WITHIN
    delivery.offer(run, run.event(State.PROGRESS))
    await delivery.step()
    assert refused == [run]


async def test_an_outcome_has_the_last_counts_also_beside_an_event_from_outside(store):
    """Celery may signal the same end outside of the run, and that event needs the store's."""
    delivery, run = Delivery(store, refused=lambda _: None), Run("a")
    for state, current in ((State.PROGRESS, 1), (State.FAILURE, 2)):
        run.said = (current, 2, "", None)
        delivery.offer(run, run.event(state))
        if state is State.FAILURE:
            delivery.offer("a", Event(task_id="a", state=State.FAILURE))
        await delivery.step()
    event = (await store.read(["a"]))["a"]
    assert (event.state, event.current) == (State.FAILURE, 2)


async def test_an_outcome_is_newer_than_unstored_events_of_a_worker_whose_clock_is_ahead(
    watch, store, raw, monkeypatch
):
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 8_000_000_000)
    watched, delivery, run = watch("a"), Delivery(store, refused=lambda _: None), Run("a")
    raw.config_set("maxmemory", "1")
    try:
        delivery.offer(run, run.event(State.PROGRESS))
        await failing(delivery)
        await watched.until(lambda event: event.state is State.PROGRESS)
    finally:
        raw.config_set("maxmemory", "0")
    delivery.offer(run, run.event(State.SUCCESS))
    await delivery.step()
    await watched.until(lambda event: event.complete)


async def test_a_heartbeat_that_the_store_refused_is_repeated_before_the_next_one_is_due(
    watch, raw, settings, monkeypatch, caplog
):
    settings.PROGRESS_HEARTBEAT = 1.0
    monkeypatch.setattr("progress.loops.TRY_AGAIN", 0.02)
    watched = watch("a")
    current_publisher().open("a")
    await watched.until(lambda event: event.state is State.STARTED)
    began = raw.zscore("progress:alive", "a")
    raw.config_set("maxmemory", "1")
    try:
        while "Sending heartbeats" not in caplog.text:
            await asyncio.sleep(0.01)
    finally:
        raw.config_set("maxmemory", "0")
    async with asyncio.timeout(0.8):
        while raw.zscore("progress:alive", "a") == began:
            await asyncio.sleep(0.01)


async def test_a_run_continues_after_the_store_lost_its_newest_events(watch, raw, settings):
    settings.PROGRESS_HEARTBEAT = 0.1
    watched, publisher = watch("a"), current_publisher()
    publisher.open("a")
    await watched.until(lambda event: event.state is State.STARTED)
    first = raw.get("progress:event:a")
    run = publisher.open("a")
    second = await watched.until(lambda event: event.run > readable(first).run)
    raw.set(
        "progress:event:a", first
    )  # as after a restart from a snapshot, or a failover to a replica
    while (stands := readable(raw.get("progress:event:a"))).run != second.run:
        await asyncio.sleep(0.01)  # until the next heartbeat
    run.said = (3, 4, "on", None)
    publisher.wake(run)
    assert flush(5)
    assert (await watched.until(lambda event: event.current == 3)).run == stands.run
