"""The rules of the store, which must hold in Redis and in memory."""

import pytest

from progress import conf
from progress.events import Event, State, follows
from progress.store.memory import MemoryStore
from progress.store.redis import RedisStore
from tests.support.network import Far

STARTED, PROGRESS, RETRY = State.STARTED, State.PROGRESS, State.RETRY
SUCCESS, FAILURE, PENDING = State.SUCCESS, State.FAILURE, State.PENDING


@pytest.fixture(params=["redis", "memory"])
async def store(request):
    """An empty store: one test with Redis, one in memory."""
    if request.param == "memory":
        yield MemoryStore()
        return
    store = RedisStore(request.getfixturevalue("redis_url"))
    yield store
    await store.aclose()


def event(state, *, run=0, task_id="a", **more):
    return Event(task_id=task_id, state=state, run=run, **more)


def again(store, settings):
    """Return the same store, opened with the present settings."""
    return RedisStore(settings.PROGRESS_REDIS_URL) if isinstance(store, RedisStore) else store


async def put(store, state, **more):
    [answer] = await store.put([event(state, **more)])
    return answer


async def test_the_newest_event_is_kept_with_all_fields(store):
    _, first = await put(store, STARTED)
    accepted, second = await put(store, PROGRESS, run=first.run, current=1, description='"é')
    assert accepted
    assert (await store.read(["a", "b"])) == {"a": second}
    assert (second.current, second.description, second.run) == (1, '"é', first.run)


@pytest.mark.promise(2)
async def test_versions_strictly_rise(store):
    _, first = await put(store, STARTED)
    events = [event(PROGRESS, run=first.run, current=n) for n in range(50)]
    versions = [stored.version for _, stored in await store.put(events)]
    assert versions == sorted(set(versions))
    assert versions[0] > first.version == first.run


async def test_pending_is_accepted_only_as_the_first_event(store):
    accepted, waiting = await put(store, PENDING)
    assert (accepted, waiting.run) == (True, 0)
    _, started = await put(store, STARTED)
    assert await put(store, PENDING) == (False, started)


@pytest.mark.promise(2)
@pytest.mark.parametrize("end", [SUCCESS, FAILURE, State.REVOKED])
async def test_a_late_report_never_replaces_an_outcome(store, end):
    _, started = await put(store, STARTED)
    _, outcome = await put(store, end, run=started.run)
    assert await put(store, PROGRESS, run=started.run) == (False, outcome)
    assert await put(store, FAILURE, run=started.run) == (False, outcome)


@pytest.mark.promise(3)
@pytest.mark.parametrize("end", [FAILURE, State.REVOKED, RETRY])
async def test_a_new_run_replaces_any_outcome_but_success(store, end):
    _, started = await put(store, STARTED)
    _, ended = await put(store, end, run=started.run)
    accepted, again = await put(store, STARTED, attempt=2)
    assert accepted
    assert again.run > ended.run
    assert again.version > ended.version


async def test_nothing_replaces_success(store):
    _, started = await put(store, STARTED)
    _, success = await put(store, SUCCESS, run=started.run)
    assert await put(store, STARTED) == (False, success)


@pytest.mark.promise(3)
async def test_two_runs_at_the_same_time_do_not_alternate(store):
    _, first = await put(store, STARTED)
    _, second = await put(store, STARTED)
    assert await put(store, PROGRESS, run=first.run) == (False, second)
    assert await put(store, FAILURE, run=first.run) == (False, second)
    accepted, success = await put(store, SUCCESS, run=first.run)
    assert (accepted, success.run) == (True, second.run)


async def test_the_latest_run_wins_after_the_store_lost_everything(store):
    _, old = await put(store, STARTED)
    _, new = await put(store, STARTED)
    other = MemoryStore()  # an empty one
    assert (await put(other, PROGRESS, run=old.run))[0]
    accepted, event = await put(other, PROGRESS, run=new.run)
    assert (accepted, event.run) == (True, new.run)
    assert not (await put(other, PROGRESS, run=old.run))[0]


async def test_a_heartbeat_returns_whether_the_run_is_current(store):
    assert await store.beat([("a", 1)]) == [(False, None)]
    _, started = await put(store, STARTED)
    assert await store.beat([("a", started.run)]) == [(True, None)]
    _, second = await put(store, STARTED)
    assert await store.beat([("a", started.run)]) == [(False, second)]


@pytest.mark.promise(8)
async def test_a_silent_run_is_stalled_until_its_next_heartbeat(store, settings):
    settings.PROGRESS_HEARTBEAT = settings.PROGRESS_STALLED_AFTER = 0.000_001
    store = again(store, settings)
    _, started = await put(store, PROGRESS, current=3, total=4)
    stalled = (await store.read(["a"]))["a"]
    assert (stalled.stalled, stalled.current, stalled.run) == (True, 3, started.run)
    assert follows(started, stalled)
    [(taken, revived)] = await store.beat([("a", started.run)])
    assert taken
    assert not revived.stalled
    assert follows(stalled, revived)
    await store.aclose()


async def test_a_task_that_waits_or_has_ended_is_never_stalled(store, settings):
    settings.PROGRESS_HEARTBEAT = settings.PROGRESS_STALLED_AFTER = 0.000_001
    store = again(store, settings)
    await put(store, PENDING, task_id="waits")
    await put(store, FAILURE, task_id="over")
    assert not any(found.stalled for found in (await store.read(["waits", "over"])).values())
    await store.aclose()


@pytest.mark.promise(8)
async def test_a_lost_run_fails_with_its_counts(store, settings):
    settings.PROGRESS_LOST_AFTER = 0.000_001
    store = again(store, settings)
    _, running = await put(store, PROGRESS, current=3, total=4)
    await put(store, PENDING, task_id="waits")
    await store.lose(await store.silent())
    found = await store.read(["a", "waits"])
    assert (found["a"].state, found["a"].error) == (FAILURE, "The worker was lost.")
    assert (found["a"].current, found["a"].run) == (3, running.run)
    assert follows(running, found["a"])
    assert found["waits"].state is PENDING
    assert (await put(store, STARTED))[0], "a worker that does come back opens a new run"
    await store.aclose()


async def test_a_run_with_heartbeats_is_not_lost(store):
    _, started = await put(store, STARTED)
    await store.lose(await store.silent())
    assert (await store.read(["a"]))["a"] == started


async def test_heartbeats_of_expired_tasks_are_deleted(redis_url, raw, settings):
    settings.PROGRESS_LOST_AFTER = 0.000_001
    store = RedisStore(redis_url)
    await put(store, STARTED)
    raw.delete("progress:event:a")
    await store.lose(await store.silent())
    assert not raw.exists("progress:alive")
    await store.aclose()


@pytest.mark.parametrize("foreign", ["", "garbage", "{}", '{"type":"progress","version":1}'])
async def test_foreign_values_in_redis_are_ignored(redis_url, raw, foreign):
    store = RedisStore(redis_url)
    raw.set("progress:event:a", foreign)
    assert await store.read(["a"]) == {}
    accepted, _ = await put(store, STARTED)
    assert accepted
    await store.aclose()


async def test_events_expire_after_the_retention(redis_url, raw, settings):
    settings.PROGRESS_RETENTION = 100
    store = RedisStore(redis_url)
    _, started = await put(store, STARTED)
    assert raw.ttl("progress:event:a") > conf.lost_after(), "it may still be found lost"
    await put(store, SUCCESS, run=started.run)
    assert 0 < raw.ttl("progress:event:a") <= 100
    await store.aclose()


async def test_a_server_that_lost_the_script_gets_it_again(redis_url, raw):
    store = RedisStore(redis_url)
    await put(store, STARTED)
    raw.script_flush()
    assert (await put(store, STARTED))[0]
    await store.aclose()


async def test_a_thousand_tasks_are_read_at_once(store):
    await store.put([event(STARTED, task_id=str(n)) for n in range(1001)])
    assert len(await store.read([str(n) for n in range(1001)])) == 1001


async def test_known_events_are_not_sent_again(redis_url, raw):
    store = RedisStore(redis_url)
    three = [event(STARTED, task_id=id_, description="x" * 500) for id_ in "abc"]
    stand = {stood.task_id: stood for _, stood in await store.put(three)}
    _, newer = await put(store, PROGRESS, run=stand["b"].run, task_id="b")
    known = {**stand, "lost": event(STARTED, task_id="lost"), "c": None}
    first, second = sent_by(raw), sent_by(raw)
    found = await store.read(["a", "b", "c", "lost", "none"], known.get)
    third = sent_by(raw)
    needed = len(newer.text()) + len(stand["c"].text())
    assert 0 < third - second - (second - first) - needed < 100, "a was sent too"
    assert found == {"a": stand["a"], "b": newer, "c": stand["c"]}
    assert found["a"] is stand["a"]
    assert (await store.read(["a"]))["a"] is not stand["a"]
    await store.aclose()


def sent_by(raw):
    """Return how many bytes the server has sent so far, without the answer to this question."""
    return raw.info("stats")["total_net_output_bytes"]


@pytest.mark.parametrize("version", [True, 1.5, 0])
async def test_a_known_foreign_version_does_not_stop_the_read(store, version):
    """A message of the channel layer may have any number as its version."""
    _, started = await put(store, STARTED)
    known = {"a": event(STARTED, version=version), "b": started}
    assert await store.read(["a", "b"], known.get) == {"a": started}


@pytest.mark.promise(8)
async def test_a_known_task_that_falls_silent_is_returned_as_stalled(store, settings):
    _, started = await put(store, STARTED)
    settings.PROGRESS_HEARTBEAT = settings.PROGRESS_STALLED_AFTER = 0.000_001
    store = again(store, settings)
    stalled = (await store.read(["a"], {"a": started}.get))["a"]
    assert stalled.stalled
    assert follows(started, stalled)
    assert (await store.read(["a"], {"a": stalled}.get))["a"] == stalled
    await store.aclose()


async def test_a_full_store_still_returns_its_events(redis_url, raw, settings):
    settings.PROGRESS_HEARTBEAT = settings.PROGRESS_STALLED_AFTER = 0.000_001
    store = RedisStore(redis_url)
    _, started = await put(store, STARTED)
    raw.config_set("maxmemory", "1")
    try:
        assert await store.read(["a"]) == {"a": started}
    finally:
        raw.config_set("maxmemory", "0")
    assert (await store.read(["a"]))["a"].stalled
    await store.aclose()


async def test_a_server_that_replies_after_three_seconds_is_read(valkey, redis_url):
    async with Far(valkey.port).running() as proxy:
        store = RedisStore(f"redis://127.0.0.1:{proxy.port}/0")
        _, started = await put(store, STARTED)
        with proxy.delayed(1.5):  # 1.5 s to the server, and 1.5 s back
            assert await store.read(["a"]) == {"a": started}
        await store.aclose()


async def test_many_tasks_in_one_batch_are_kept_apart(store):
    many = [event(STARTED, task_id=str(number), current=number) for number in range(250)]
    many += [event(PENDING, task_id="0"), event(SUCCESS, task_id="1", run=1)]
    answers = await store.put(many)
    assert [accepted for accepted, _ in answers] == [True] * 250 + [False, True]
    assert [stored.current for _, stored in answers] == [*range(250), 0, 0]
    standing = await store.read([str(number) for number in range(250)])
    assert standing["249"] == answers[249][1]
    assert (standing["0"].state, standing["1"].state) == (STARTED, SUCCESS)
    assert all(taken for taken, _ in await store.beat([("2", standing["2"].run)] * 2))
