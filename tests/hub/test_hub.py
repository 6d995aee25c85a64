"""The hub recovers from the store what the channel layer loses."""

import asyncio
import time
from dataclasses import replace

import pytest
from channels.layers import get_channel_layer

from progress.events import Event, State
from progress.hub import Hub, outcomes, reconciler
from progress.hub.hub import is_overtaken
from progress.hub.outbox import Frames
from progress.layers import groups

STARTED = Event(task_id="a", state=State.STARTED)


async def put(store, event):
    [(accepted, stored)] = await store.put([event])
    assert accepted
    return stored


async def tell(event):
    await get_channel_layer().group_send(groups.group_name(event.task_id), groups.message(event))


@pytest.mark.promise(3)
async def test_a_late_watcher_gets_the_present_state(store, watch):
    started = await put(store, STARTED)
    assert await watch("a").next() == started


@pytest.mark.promise(3)
async def test_a_second_watcher_gets_the_state_without_another_read(store, watch, raw):
    first = watch("a")
    await put(store, STARTED)
    event = await first.next()
    raw.flushdb()
    assert await watch("a").next() == event


@pytest.mark.promise(4)
@pytest.mark.settings(PROGRESS_RECONCILE=0.1)
async def test_an_outcome_that_the_layer_lost_is_found_in_the_store(store, watch):
    started = await put(store, STARTED)
    watched = watch("a")
    await watched.next()
    await put(store, replace(started, state=State.SUCCESS))
    assert (await watched.next()).state is State.SUCCESS


@pytest.mark.promise(4)
@pytest.mark.settings(PROGRESS_RECONCILE=0.1)
async def test_reading_the_store_does_not_wait_for_the_reaper(store, hub, watch, monkeypatch):
    monkeypatch.setattr(hub._store, "silent", asyncio.Event().wait)
    await test_an_outcome_that_the_layer_lost_is_found_in_the_store(store, watch)


@pytest.mark.promise(4)
@pytest.mark.settings(PROGRESS_RECONCILE=0.5)
async def test_an_event_that_the_layer_lost_is_found_within_the_period(
    store, hub, watch, monkeypatch
):
    """Even if it was lost right after a read: the next read comes early enough."""
    started = await put(store, STARTED)
    watched = watch("a")
    await watched.next()
    read, lost_at = hub._store.read, []

    async def read_and_lose(task_ids, known):
        found = await read(task_ids, known)
        if task_ids:
            lost_at.append(time.monotonic())
            await put(store, replace(started, state=State.PROGRESS))
        return found

    monkeypatch.setattr(hub._store, "read", read_and_lose)
    await watched.next()
    for _ in range(3):
        await watched.next()
        assert time.monotonic() - lost_at[-2] < 0.5


@pytest.mark.promise(8)
@pytest.mark.settings(PROGRESS_HEARTBEAT=0.2, PROGRESS_STALLED_AFTER=1.5, PROGRESS_RECONCILE=0.5)
async def test_a_silent_run_is_shown_as_stalled_in_time(store, watch):
    await put(store, STARTED)
    began = time.monotonic()
    event = await watch("a").until(lambda event: event.stalled)
    assert event.state is State.STARTED
    assert 0.9 < time.monotonic() - began < 1.5 + 0.2  # 0.2 s for a busy machine


@pytest.mark.promise(4)
async def test_an_outcome_lost_between_joining_and_reading_is_found_by_the_second_read(
    store, watch
):
    """With pub/sub, join() returns before Redis has subscribed; events until then are lost."""
    started = await put(store, STARTED)
    watched = watch("a")
    assert await watched.next() == started
    began = asyncio.get_running_loop().time()
    await put(store, replace(started, state=State.SUCCESS))
    assert (await watched.next()).state is State.SUCCESS
    assert asyncio.get_running_loop().time() - began < 2


@pytest.mark.promise(2)
async def test_an_event_that_is_not_newer_is_dropped(store, watch):
    started = await put(store, STARTED)
    watched = watch("a")
    await watched.next()
    half = await put(store, replace(started, state=State.PROGRESS, current=1))
    await tell(half)
    assert await watched.next() == half
    for event in (started, half, replace(half, version=half.version + 1, current=2)):
        await tell(event)
    assert (await watched.next()).current == 2
    assert [seen.version for seen in watched.events] == sorted(
        {seen.version for seen in watched.events}
    )


@pytest.mark.promise(8)
async def test_a_task_id_without_a_record_is_unknown(watch):
    event = await watch("nobody").next()
    assert (event.state, event.complete, event.version) == (State.UNKNOWN, False, 0)


async def test_an_unknown_task_is_shown_when_it_begins(store, watch):
    watched = watch("a")
    await watched.next()
    started = await put(store, STARTED)
    await tell(started)
    assert await watched.next() == started


@pytest.mark.promise(8)
@pytest.mark.settings(PROGRESS_RECONCILE=0.1, PROGRESS_HEARTBEAT=0.4, PROGRESS_STALLED_AFTER=1)
async def test_a_run_is_ended_only_after_heartbeats_are_due_again(store, hub, watch, raw):
    """Redis may restart from disk after hours, while the workers are alive."""
    living, dead = [await put(store, replace(STARTED, task_id=id_)) for id_ in "ab"]
    raw.zadd("progress:alive", {"a": 1, "b": 1})
    while set(hub._reaper._silent_since) != {"a", "b"}:
        await asyncio.sleep(0.01)
    assert await store.beat([("a", living.run)]) == [(True, None)]
    watched = watch("b")
    event = await watched.until(lambda event: event.complete)
    assert (event.state, event.run) == (State.FAILURE, dead.run)
    assert not (await store.read(["a"]))["a"].complete


def succeeded(monkeypatch):
    """Let Celery's record of each task say SUCCESS; the event is set when it is read."""
    asked = asyncio.Event()

    async def recorded(task_ids):
        asked.set()
        return [Event(task_id=task_id, state=State.SUCCESS) for task_id in task_ids]

    monkeypatch.setattr(outcomes, "recorded", recorded)
    return asked


@pytest.mark.settings(PROGRESS_RECONCILE=0.2)
async def test_the_result_backend_is_asked_in_batches(hub, watch, monkeypatch):
    """Unknown ids do not delay the outcomes of other tasks."""
    asked = set()

    async def recorded(doubtful):
        asked.update(doubtful)
        return []

    monkeypatch.setattr(outcomes, "recorded", recorded)
    monkeypatch.setattr(outcomes, "BATCH_PAUSE", 0)
    watched = {str(number) for number in range(50)}
    for task_id in watched:
        watch(task_id)
    async with asyncio.timeout(10):
        while asked != watched:
            await asyncio.sleep(0.01)


async def test_the_run_has_time_to_report_its_outcome_before_the_hub_stores_celerys_record(
    store, watch, monkeypatch
):
    """Only the run knows its counts and result, but Celery records the outcome a moment earlier."""
    asked = succeeded(monkeypatch)
    watched = watch("a")
    await asked.wait()
    run = (await put(store, STARTED)).run
    await put(store, Event(task_id="a", state=State.SUCCESS, run=run, result="told"))
    assert (await watched.until(lambda event: event.complete)).result == "told"


async def test_an_outcome_is_not_given_to_a_later_task_with_the_same_id(
    store, hub, watch, monkeypatch
):
    settled, put_all = asyncio.Queue(), hub._store.put

    async def put_and_note(events):
        settled.put_nowait([event.published for event in events])
        return await put_all(events)

    asked = succeeded(monkeypatch)
    monkeypatch.setattr(hub._store, "put", put_and_note)
    await put(store, Event(task_id="a", state=State.RETRY, published=5))
    watch("a")
    await asked.wait()
    await put(store, Event(task_id="a", state=State.RETRY, published=6))
    assert await settled.get() == []
    while await settled.get() != [6]:  # the record may be its own
        pass


@pytest.mark.parametrize("leaves", [False, True], ids=["watched", "no longer watched"])
async def test_an_outcome_that_a_worker_announced_is_left_to_the_worker_to_store(
    hub, watch, monkeypatch, leaves
):
    """It knows the attempt and the counts, which Celery's record lacks."""
    offered, put_all = asyncio.Queue(), hub._store.put

    async def put_and_note(events):
        offered.put_nowait(events)
        return await put_all(events)

    asked = succeeded(monkeypatch)
    monkeypatch.setattr(hub._store, "put", put_and_note)
    watched = watch("a")
    await asked.wait()
    await tell(Event(task_id="a", state=State.SUCCESS, version=1, run=1, attempt=2))
    assert (await watched.until(lambda event: event.complete)).attempt == 2
    if leaves:
        [outbox] = hub._outboxes
        hub.unwatch("a", outbox)
    assert await offered.get() == []


async def test_an_outcome_is_stored_for_later_watchers_of_a_task(store, hub, monkeypatch):
    asked = succeeded(monkeypatch)
    monkeypatch.setattr(outcomes, "GRACE", 0.1)
    await put(store, Event(task_id="a", state=State.RETRY))
    frames = Frames()
    hub.watch("a", frames)
    await asked.wait()
    hub.unwatch("a", frames)
    async with asyncio.timeout(5):
        while not (await store.read(["a"]))["a"].complete:
            await asyncio.sleep(0.01)


async def test_a_run_that_stalls_after_its_task_was_in_doubt_may_still_send_a_heartbeat(store, raw):
    """Celery may have recorded REVOKED for a run that goes on."""
    revoked = Event(task_id="a", state=State.REVOKED)
    waiting = await put(store, Event(task_id="a", state=State.PENDING))
    run = await put(store, STARTED)
    raw.zadd("progress:alive", {"a": 1})
    nothing = {}.get  # no watchers
    found = await outcomes.settle(store, [outcomes.Answer(revoked, waiting)], nothing)
    assert (found["a"].state, found["a"].stalled) == (State.STARTED, True)
    found = await outcomes.settle(store, [outcomes.Answer(revoked, found["a"])], nothing)
    assert (found["a"].state, found["a"].run) == (State.REVOKED, run.run)


@pytest.mark.settings(PROGRESS_RECONCILE=0.05)
@pytest.mark.parametrize("waits", [False, True], ids=["an empty store", "a store with its waiting"])
async def test_an_outcome_has_the_counts_that_only_the_watchers_know(
    store, watch, monkeypatch, waits
):
    """The store came back empty after the run's last report."""
    succeeded(monkeypatch)
    watched = watch("a")
    await watched.next()
    await tell(replace(HALF, state=State.RETRY, attempt=2, version=1, published=5))
    if waits:
        await put(store, Event(task_id="a", state=State.PENDING, published=5))
    end = await watched.until(lambda event: event.complete)
    assert (end.state, end.attempt, end.run, end.current) == (State.SUCCESS, 2, 7, 4)


@pytest.mark.settings(PROGRESS_RECONCILE=0.05, PROGRESS_STALLED_AFTER=0.2)
async def test_a_task_that_the_store_has_lost_becomes_unknown_after_a_while(store, watch, raw):
    started = await put(store, STARTED)
    watched = watch("a")
    await watched.next()
    raw.flushdb()
    event = await watched.until(lambda event: not event.stalled)
    assert (event.state, event.version > started.version) == (State.UNKNOWN, True)


@pytest.mark.settings(PROGRESS_RECONCILE=0.1)
async def test_a_pending_that_the_store_gets_late_does_not_hide_the_run(
    store, hub, watch, monkeypatch
):
    """While the store takes no writes, each process announces its events and stores them later."""
    read, seen = hub._store.read, []

    async def read_and_note(task_ids, known):
        found = await read(task_ids, known)
        seen.extend(found.values())
        return found

    monkeypatch.setattr(hub._store, "read", read_and_note)
    watched = watch("a")
    await watched.next()
    await tell(replace(STARTED, version=1, run=1, published=5))
    assert (await watched.next()).state is State.STARTED
    pending = await put(store, Event(task_id="a", state=State.PENDING, published=5))
    async with asyncio.timeout(5):
        while pending not in seen:
            await asyncio.sleep(0.01)
    stored = await put(store, replace(STARTED, published=5))
    assert await watched.next() == stored


@pytest.mark.settings(PROGRESS_RECONCILE=0.05, PROGRESS_STALLED_AFTER=0.2)
async def test_a_run_that_the_store_never_gets_is_not_shown_for_ever(store, watch):
    watched = watch("a")
    await watched.next()
    await tell(replace(STARTED, version=1, run=1, published=5))
    await watched.next()
    pending = await put(store, Event(task_id="a", state=State.PENDING, published=5))
    assert await watched.next() == pending


async def test_a_run_has_time_to_be_stored_after_the_store_takes_events_again(hub, watch):
    """A store that was full for long gets the waiting of a task before its start."""
    watched = watch("a")
    await watched.next()
    await tell(replace(STARTED, version=1, run=1, published=5))
    await watched.next()
    topic, waiting = hub._topics["a"], Event(task_id="a", state=State.PENDING, version=2)
    hub._found("a", None)
    for shown in (State.STARTED, State.PENDING):
        topic.missing_since -= hub._stalled_after + 1
        hub._found("a", waiting)
        assert topic.event.state is shown


HALF = Event(task_id="a", state=State.PROGRESS, run=7, current=2, total=4)
UNSURE = replace(HALF, total=None)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (replace(HALF, stalled=True), replace(HALF, current=3)),
        (replace(HALF, stalled=True, total=None), HALF),
        (replace(UNSURE, stalled=True), replace(UNSURE, current=3)),
        (replace(HALF, state=State.STARTED, current=0, total=None), HALF),
        (HALF, replace(HALF, state=State.FAILURE)),
        (replace(HALF, state=State.RETRY), replace(HALF, attempt=2, run=8)),
    ],
    ids=[
        "a lower percent of the run",
        "an unknown percent of a run that is silent",
        "a lower count of a run that is silent",
        "the start of the run",
        "a run that has ended",
        "an earlier attempt",
    ],
)
def test_what_the_store_gets_late_is_older(event, shown):
    assert is_overtaken(event, shown)


@pytest.mark.parametrize(
    "event",
    [
        replace(HALF, stalled=True),
        UNSURE,
        replace(HALF, run=8, current=0),
        replace(HALF, state=State.STARTED, run=8, current=0, total=None),
    ],
    ids=["the same percent", "an unknown percent", "another run", "the start of another run"],
)
def test_what_a_run_reports_next_is_newer(event):
    assert not is_overtaken(event, HALF)


@pytest.mark.settings(PROGRESS_RECONCILE=0.1)
async def test_a_task_that_waits_after_a_run_is_asked_for_at_each_read(store, watch, monkeypatch):
    """Others are asked for every 35 s; the start of a run that replaces itself may be unstored."""
    asked = []

    async def recorded(doubtful):
        asked.extend(doubtful)
        return []

    monkeypatch.setattr(outcomes, "recorded", recorded)
    monkeypatch.setattr(outcomes, "SLOTS", 10**9)  # never
    await put(store, Event(task_id="a", state=State.PENDING, published=5))
    await put(store, Event(task_id="b", state=State.PENDING, published=5, worker="one"))
    await put(store, Event(task_id="c", state=State.PENDING, published=5))
    watched = [watch(task_id) for task_id in "abc"]
    for each in watched:
        await each.next()
    await tell(Event(task_id="c", state=State.STARTED, published=5, version=2**52, run=1))
    async with asyncio.timeout(5):
        while asked.count("b") < 3 or "c" not in asked:
            await asyncio.sleep(0.01)
    assert "a" not in asked


async def test_a_task_that_nobody_watches_any_more_is_not_asked_for(store, hub, watch, monkeypatch):
    """Its id may be used again meanwhile, and the outcome would be that of the task before."""
    asked = []

    async def recorded(doubtful):
        asked.extend(doubtful)
        return []

    monkeypatch.setattr(outcomes, "recorded", recorded)
    monkeypatch.setattr(reconciler, "CONFIRM_AFTER", 0.1)
    await put(store, Event(task_id="a", state=State.STARTED))
    frames = Frames()
    hub.watch("a", frames)
    await anext(frames)
    hub.unwatch("a", frames)
    await put(store, Event(task_id="a", state=State.RETRY, attempt=2))
    await put(store, Event(task_id="b", state=State.RETRY))
    watch("b")
    async with asyncio.timeout(5):
        while asked.count("b") < 2:  # at once, and when the group is joined for sure
            await asyncio.sleep(0.01)
    assert set(asked) == {"b"}


@pytest.mark.promise(6)
async def test_a_thousand_watchers_join_the_group_once(store, hub, raw):
    watchers = [Frames() for _ in range(1000)]
    for watcher in watchers:
        hub.watch("a", watcher)
    started = await put(store, STARTED)
    for watcher in watchers:
        _, event = await anext(watcher)
        assert event == started
    [(_, subscribers)] = raw.pubsub_numsub(f"asgi__group__{groups.group_name('a')}")
    assert subscribers == 1


async def test_the_hub_leaves_the_group_after_the_last_watcher(hub, raw):
    watcher, other = Frames(), Frames()
    channel = f"asgi__group__{groups.group_name('a')}"
    hub.watch("a", watcher)
    hub.watch("a", other)
    await members(raw, channel, 1)
    hub.unwatch("a", watcher)
    hub.watch("b", watcher)
    await members(raw, channel.replace(groups.group_name("a"), groups.group_name("b")), 1)
    await members(raw, channel, 1)
    hub.unwatch("a", other)
    await members(raw, channel, 0)


async def members(raw, channel, number):
    """Wait until the group has this many subscribers."""
    while raw.pubsub_numsub(channel)[0][1] != number:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "progress.event"},
        {"type": "progress.event", "text": "garbage"},
        {"type": "progress.event", "text": 7},
        {"type": "delete.everything", "text": "{}"},
    ],
)
async def test_foreign_messages_are_skipped(store, watch, message, caplog):
    started = await put(store, STARTED)
    watched = watch("a")
    await watched.next()
    await get_channel_layer().group_send(groups.group_name("a"), message)
    half = await put(store, replace(started, state=State.PROGRESS, current=1))
    await tell(half)
    assert await watched.next() == half


async def look(task_id):
    """Watch a task for a moment; the hub ends with its event loop."""
    frames = Frames()
    Hub.current().watch(task_id, frames)
    await anext(frames)


def test_a_hub_ends_with_its_event_loop(redis_url, raw):
    def clients():  # not Celery's, which stay open in the next database
        return sum(client["db"] == "0" for client in raw.client_list())

    before = clients()
    for _ in range(3):
        asyncio.run(look("nobody"))
    assert Hub._hubs == {}
    while clients() > before:  # Redis notices soon
        pass


def test_the_hub_of_a_closed_loop_is_forgotten(redis_url, monkeypatch):
    loop = asyncio.new_event_loop()
    loop.close()
    monkeypatch.setitem(Hub._hubs, loop, None)
    asyncio.run(look("nobody"))
    assert Hub._hubs == {}
    monkeypatch.undo()
    Hub._hubs.clear()


async def test_a_hub_that_is_closed_before_its_first_step_is_closed(redis_url):
    hub = Hub.current()
    await hub.aclose()
    assert all(task.done() for task in hub._tasks)
    assert Hub._hubs == {}


async def test_replies_are_never_dropped_and_a_newer_one_replaces_the_same():
    frames = Frames()
    for number in range(100):
        for text in ("old", "new"):
            frames.reply(f"{text} {number}", about=("token", str(number)))
        frames.reply(f"error {number}", about=("error", str(number)))
    texts = [(await anext(frames))[0] for _ in range(200)]
    assert {f"new {number}" for number in range(100)} < set(texts)
    assert {f"error {number}" for number in range(100)} < set(texts)
    assert frames.waiting_replies == 0


@pytest.mark.promise(7)
async def test_a_watcher_that_does_not_read_keeps_only_the_newest_event():
    watcher = Frames()
    for version in range(1, 10_001):
        watcher.offer(replace(STARTED, version=version, state=State.PROGRESS))
    _, event = await anext(watcher)
    assert (event.version, watcher._events) == (10_000, {})


@pytest.mark.promise(2)
async def test_a_waiting_outcome_is_not_replaced_by_the_next_run():
    watcher = Frames()
    watcher.offer(replace(STARTED, version=1, state=State.FAILURE))
    watcher.offer(replace(STARTED, version=2))
    _, event = await anext(watcher)
    assert event.state is State.FAILURE


async def test_a_silent_connection_gets_one_ping(monkeypatch):
    watcher = Frames()
    watcher.ping(watcher.sent_at + 19)
    watcher.ping(watcher.sent_at + 20)
    watcher.ping(watcher.sent_at + 21)
    assert await anext(watcher) == ('{"type":"ping"}', None)
    assert not watcher._replies


SHOWN = Event(task_id="a", state=State.PROGRESS, version=9, run=5, attempt=2, published=7)


@pytest.mark.parametrize(
    "event",
    [
        replace(SHOWN, published=6),
        replace(SHOWN, attempt=1, state=State.RETRY),
        replace(SHOWN, run=0, state=State.PENDING),
    ],
    ids=["of the id's former task", "of an earlier attempt", "that it waits for its turn"],
)
async def test_an_event_from_the_layer_that_is_older_than_the_shown_event_is_not_shown(
    hub, watch, event
):
    """While the store accepts no writes, each process sends its events without a common order."""
    watched = watch("a")
    hub._received(SHOWN)
    await watched.until(lambda shown: shown.state is State.PROGRESS)
    hub._received(replace(event, version=10))
    hub._received(replace(SHOWN, version=11, current=1))
    await watched.until(lambda shown: shown.current == 1)
    assert 10 not in {shown.version for shown in watched.events}
