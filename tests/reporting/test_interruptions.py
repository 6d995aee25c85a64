"""A soft time limit may strike in the reporting itself: Celery raises it wherever the task is."""

import asyncio

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from progress.events import State
from progress.reporting import celery_signals, current
from progress.reporting.current import current_publisher, flush
from progress.store.redis import RedisStore


@pytest.fixture
def interrupt(monkeypatch):
    """Let the next call of this function raise SoftTimeLimitExceeded, before or after its work."""

    def interrupt(owner, name, *, after=False):
        function = getattr(owner, name)

        def interrupted(*args, **options):
            monkeypatch.setattr(owner, name, function)
            if after:
                function(*args, **options)
            raise SoftTimeLimitExceeded

        monkeypatch.setattr(owner, name, interrupted)

    return interrupt


async def state(store):
    assert flush(5)
    return (await store.read(["a"]))["a"].state


async def test_the_next_task_gets_a_publisher_that_could_not_begin_in_time(redis_url, interrupt):
    interrupt(current, "Publisher")
    with pytest.raises(SoftTimeLimitExceeded):
        current_publisher()
    assert current_publisher() is not None


@pytest.mark.parametrize("after", [False, True])
async def test_later_runs_are_published_after_a_call_that_could_not_wake_the_publisher(
    store, interrupt, after
):
    publisher = current_publisher()
    interrupt(publisher._loop, "call_soon_threadsafe", after=after)
    with pytest.raises(SoftTimeLimitExceeded):
        publisher.open("b")
    publisher.open("a")
    async with asyncio.timeout(5):
        while "a" not in await store.read(["a"]):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("after", [False, True])
async def test_a_task_whose_start_is_interrupted_still_ends(store, task, interrupt, after):
    interrupt(current_publisher(), "begin", after=after)
    with pytest.raises(SoftTimeLimitExceeded):
        celery_signals.started(task_id="a", task=task)
    celery_signals.succeeded(task)
    celery_signals.ended(task, state="SUCCESS")
    assert await state(store) is State.SUCCESS


async def test_a_run_whose_end_is_interrupted_sends_no_more_heartbeats(
    redis_url, settings, task, interrupt
):
    settings.PROGRESS_HEARTBEAT = settings.PROGRESS_RECONCILE = 0.05
    settings.PROGRESS_STALLED_AFTER = 0.15
    store = RedisStore(redis_url)
    celery_signals.started(task_id="a", task=task)
    assert await state(store) is State.STARTED
    interrupt(current_publisher()._inbox, "gather")
    with pytest.raises(SoftTimeLimitExceeded):
        celery_signals.succeeded(task)
    async with asyncio.timeout(5):
        while not (await store.read(["a"]))["a"].stalled:
            await asyncio.sleep(0.01)
    await store.aclose()


@pytest.mark.parametrize(
    ("state", "waits"), [("IGNORED", "recorded_outcome"), (None, "last_words")]
)
async def test_a_run_sends_no_more_heartbeats_after_its_end_was_interrupted_while_it_waited(
    task, redis_url, interrupt, state, waits
):
    celery_signals.started(task_id="a", task=task)
    interrupt(celery_signals, waits)
    with pytest.raises(SoftTimeLimitExceeded):
        celery_signals.ended(task, state=state)
    assert flush(5)
    assert not current_publisher()._runs
