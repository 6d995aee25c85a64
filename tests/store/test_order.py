"""Which event the store keeps: the order of reused ids, attempts and runs, in both stores."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from progress import conf
from progress.events import OUTCOMES, Event, State
from progress.store.memory import MemoryStore
from progress.store.redis import RedisStore

PENDING, STARTED, PROGRESS, RETRY = State.PENDING, State.STARTED, State.PROGRESS, State.RETRY
SUCCESS, FAILURE, REVOKED = State.SUCCESS, State.FAILURE, State.REVOKED
MINUTE = 60_000_000  # microseconds


@pytest.fixture(params=["redis", "memory"])
async def store(request):
    """An empty store: one test with Redis, one in memory."""
    if request.param == "memory":
        yield MemoryStore()
        return
    store = RedisStore(request.getfixturevalue("redis_url"))
    yield store
    await store.aclose()


def now():
    return time.time_ns() // 1000


def event(state, **more):
    return Event(**{"task_id": "a", **more}, state=state)


async def put(store, state, **more):
    [(accepted, stands)] = await store.put([event(state, **more)])
    return accepted, stands


async def test_a_late_retry_of_the_first_attempt_does_not_replace_the_second_attempt(store):
    _, second = await put(store, STARTED, attempt=2)
    assert await put(store, RETRY, attempt=1) == (False, second)
    accepted, end = await put(store, FAILURE, attempt=2, run=second.run)
    assert (accepted, end.state) == (True, FAILURE)


async def test_a_second_attempt_without_a_started_event_replaces_the_first_attempt(store):
    _, first = await put(store, STARTED, attempt=1)
    await put(store, RETRY, attempt=1, run=first.run)
    assert (await put(store, FAILURE, attempt=2))[0]


@pytest.mark.parametrize("end", [REVOKED, FAILURE])
@pytest.mark.parametrize("attempt", [1, 2])
async def test_an_outcome_from_outside_the_run_ends_a_task_that_waits_for_its_retry(
    store, end, attempt
):
    _, first = await put(store, STARTED)
    await put(store, RETRY, run=first.run)
    accepted, stands = await put(store, end, run=first.run, attempt=attempt)
    assert (accepted, stands.state) == (True, end)


@pytest.mark.parametrize("end", [REVOKED, FAILURE])
async def test_an_outcome_that_several_processes_report_is_stored_once(store, end):
    """A worker's parent and a web process, which reads Celery's record, know no run of the task."""
    await put(store, PENDING)
    _, first = await put(store, end, error="its words")
    assert await put(store, end) == (False, first)
    other = REVOKED if end is FAILURE else FAILURE
    assert (await put(store, other))[0]


async def test_a_report_of_a_run_is_refused_after_its_retry(store):
    _, first = await put(store, STARTED)
    _, retry = await put(store, RETRY, run=first.run)
    assert await put(store, PROGRESS, run=first.run) == (False, retry)


@pytest.mark.parametrize("end", sorted(OUTCOMES))
async def test_a_reused_id_shows_the_new_task_waiting_and_running(store, end):
    before = now()
    _, first = await put(store, STARTED, published=before)
    await put(store, end, published=before, run=first.run)
    assert (await put(store, PENDING, published=before + MINUTE))[0]
    accepted, again = await put(store, STARTED, published=before + MINUTE)
    assert accepted
    assert again.run > first.run


async def test_late_events_of_an_ids_former_task_are_refused(store):
    before = now()
    _, first = await put(store, STARTED, published=before)
    _, again = await put(store, STARTED, published=before + 1)
    for state in (PENDING, PROGRESS, RETRY, FAILURE, SUCCESS):
        assert await put(store, state, published=before, run=first.run) == (False, again)


async def test_a_late_pending_does_not_hide_the_outcome(store):
    published = now()
    _, end = await put(store, SUCCESS, published=published)
    assert await put(store, PENDING, published=published) == (False, end)


async def test_a_pending_with_a_used_id_does_not_hide_the_running_task(store):
    before = now()
    _, running = await put(store, STARTED, published=before)
    assert await put(store, PENDING, published=before + 1) == (False, running)


async def test_a_sender_whose_clock_is_behind_can_reuse_an_id(store):
    ahead = now() + MINUTE
    _, first = await put(store, STARTED, published=ahead)
    _, end = await put(store, SUCCESS, published=ahead, run=first.run)
    sent = max(now(), end.version + 1)  # after that outcome, even if this machine's clock is behind
    while now() <= sent:
        pass
    assert (await put(store, PENDING, published=sent))[0]
    assert (await put(store, STARTED, published=sent))[0]


async def test_a_run_can_make_its_task_wait_again(store):
    _, running = await put(store, STARTED)
    accepted, waiting = await put(store, PENDING, run=running.run)
    assert (accepted, waiting.state, waiting.run) == (True, PENDING, running.run)
    assert (await put(store, STARTED))[0]
    assert not (await put(store, PENDING, run=running.run))[0], "another run has taken over"


async def test_a_pending_of_a_later_attempt_is_accepted(store):
    _, first = await put(store, STARTED)
    await put(store, RETRY, run=first.run)
    assert (await put(store, PENDING, attempt=2))[0]
    assert not (await put(store, PENDING, attempt=1))[0]


async def test_a_retry_that_never_begins_counts_as_lost_like_a_run(redis_url, settings):
    settings.PROGRESS_LOST_AFTER = 0.000_001
    store = RedisStore(redis_url)
    await put(store, RETRY, current=3, total=4)
    await put(store, RETRY, task_id="later", due_in=3600)
    await store.lose(await store.silent())
    found = await store.read(["a", "later"])
    assert (found["a"].state, found["a"].error) == (FAILURE, "The retry was lost.")
    assert found["later"].state is RETRY
    await store.aclose()


async def test_a_retry_is_kept_longer_than_until_it_is_due(redis_url, raw):
    store = RedisStore(redis_url)
    await put(store, RETRY, due_in=7 * 86400)
    assert raw.ttl("progress:event:a") > 7 * 86400 + conf.lost_after()
    await store.aclose()


STATES = st.sampled_from(sorted(set(State) - {State.UNKNOWN}))
STEPS = st.lists(
    st.tuples(STATES, st.integers(0, 3), st.integers(1, 3), st.sampled_from([0, 1, 2])),
    min_size=1,
    max_size=12,
)


@given(steps=STEPS)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_redis_and_memory_stores_accept_the_same_events(redis_url, steps):
    """Hypothesis draws the index of a run, since each store numbers runs by its own clock."""
    stores = [RedisStore(redis_url), MemoryStore()]
    await stores[0]._redis.flushdb()
    base = now() - MINUTE
    taken = []
    for store in stores:
        runs, answers = [0], []
        for state, run, attempt, life in steps:
            offered = event(
                state,
                run=runs[min(run, len(runs) - 1)],
                attempt=attempt,
                published=life and base + life,
            )
            [(accepted, stands)] = await store.put([offered])
            if stands.run not in runs:
                runs.append(stands.run)
            standing = (stands.state, stands.attempt, stands.published and stands.published - base)
            answers.append((accepted, *standing, runs.index(stands.run)))
        taken.append(answers)
    await stores[0].aclose()
    assert taken[0] == taken[1]
