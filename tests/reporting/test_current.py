"""The publisher of a process: with wrong settings, runs of others, and runs that end at once."""

from multiprocessing import util

import pytest

from progress.events import Event, State
from progress.reporting.current import adopt, current_publisher, flush
from progress.reporting.runs import Run


@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://localhost", "redis://localhost:port/0", "sentinel://one", 5]
)
def test_a_wrong_url_is_logged_once_and_raises_nowhere(settings, caplog, url):
    """User.save() needs the publisher too, and must not fail."""
    settings.PROGRESS_REDIS_URL = url
    assert [current_publisher() for _ in range(3)] == [None] * 3
    assert [record.message[:24] for record in caplog.records] == ["No progress is published"]


def test_a_forked_process_with_many_adopted_runs_registers_one_exit_function(redis_url):
    before = len(util._finalizer_registry)
    for name in "abc":
        adopt(Run(name))
    assert len(util._finalizer_registry) == before + 1


@pytest.mark.parametrize("earlier", [State.PENDING, State.STARTED])
async def test_a_run_that_waits_again_at_once_replaces_what_was_before(store, earlier):
    """Its process reports the start only with the end; an earlier process may have been killed."""
    [(_, before)] = await store.put([Event(task_id="a", state=earlier, published=5)])
    while await store.clock() < before.version + 50_000:
        pass  # a message takes longer to come back
    publisher = current_publisher()
    publisher.conclude(publisher.open("a", published=5), State.PENDING)
    assert flush(5)
    event = (await store.read(["a"]))["a"]
    assert (event.state, event.run > before.run) == (State.PENDING, True)


async def test_a_run_that_waits_again_does_not_replace_a_run_that_began_later(store):
    """After Reject(requeue=True), another process may take the task before the wait is stored."""
    [(_, later)] = await store.put([Event(task_id="a", state=State.STARTED, published=5)])
    assert await wait_again(store, attempt=1) == later


async def test_a_run_that_waits_again_does_not_replace_a_run_that_ends_just_then(
    store, monkeypatch
):
    publisher = current_publisher()
    clock = publisher._store.clock

    async def clock_before_another_run():
        now = await clock()
        await publisher._store.put([Event(task_id="a", state=State.FAILURE, published=5)])
        return now

    monkeypatch.setattr(publisher._store, "clock", clock_before_another_run)
    publisher.conclude(publisher.open("a", published=5), State.PENDING)
    assert flush(5)
    assert (await store.read(["a"]))["a"].state is State.FAILURE


async def test_a_run_waits_again_whose_report_gets_its_number_just_then(store, monkeypatch):
    publisher = current_publisher()
    run = publisher.open("a", published=5)
    clock = publisher._store.clock

    async def clock_before_the_report():
        now = await clock()
        [(_, stored)] = await publisher._store.put([run.event(State.PROGRESS)])
        run.number = stored.run
        return now

    monkeypatch.setattr(publisher._store, "clock", clock_before_the_report)
    publisher.conclude(run, State.PENDING)
    assert flush(5)
    assert (await store.read(["a"]))["a"].state is State.PENDING


async def test_a_retry_that_is_stored_late_does_not_stop_the_next_attempt_from_waiting(store):
    await store.put([Event(task_id="a", state=State.RETRY, published=5)])
    event = await wait_again(store, attempt=2)
    assert (event.state, event.attempt) == (State.PENDING, 2)


async def wait_again(store, *, attempt):
    """End a run that began before the stored run, and waits again; return what the store has."""
    publisher = current_publisher()
    run = publisher.open("a", published=5, attempt=attempt)
    run.began_at -= 1
    publisher.conclude(run, State.PENDING)
    assert flush(5)
    return (await store.read(["a"]))["a"]
