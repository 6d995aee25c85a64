"""A broadcast reaches all outboxes of a topic, at most 100 in each iteration of the loop."""

import asyncio
from dataclasses import replace

import pytest

from progress.events import Event, State
from progress.hub.outbox import Outbox
from progress.hub.topics import Topic
from progress.hub.turns import FRAMES_PER_TURN, Turns
from progress.transports.writer import READY, Writer

FIRST = Event(task_id="a", state=State.PROGRESS, version=1, run=1)
SECOND, THIRD = replace(FIRST, version=2), replace(FIRST, version=3)
OUTCOME = replace(FIRST, version=2, state=State.SUCCESS)


class Seeing(Outbox):
    """An outbox that records the versions it gets, and adds itself to ``seen`` each time."""

    def __init__(self, seen=None):
        super().__init__(0)
        self.versions, self.seen = [], [] if seen is None else seen

    def push(self, event, frame, now):
        self.versions.append(event.version)
        self.seen.append(self)

    def offer(self, event):
        self.push(event, None, None)


@pytest.fixture
async def topic():
    return Topic(Turns())


def watched(topic, watchers):
    for each in watchers:
        topic.add(each)
    return watchers


async def turn():
    await asyncio.sleep(0)


async def all_turns(watchers, version):
    async with asyncio.timeout(10):
        while any(each.versions[-1:] != [version] for each in watchers):
            await turn()


async def test_each_outbox_gets_the_event_once_and_100_in_an_iteration(topic):
    seen = []
    watchers = watched(topic, [Seeing(seen) for _ in range(FRAMES_PER_TURN + 1)])
    topic.broadcast(FIRST)
    assert not seen  # the caller of broadcast() does not wait
    await turn()
    assert len(seen) == FRAMES_PER_TURN
    await turn()
    assert all(each.versions == [1] for each in watchers)


async def test_an_outbox_that_leaves_during_a_broadcast_gets_nothing_more(topic):
    watchers = watched(topic, [Seeing() for _ in range(FRAMES_PER_TURN + 2)])
    topic.broadcast(FIRST)
    await turn()
    left, stays = [each for each in watchers if not each.versions]
    topic.discard(left)
    await all_turns([stays], 1)
    assert not left.versions


async def test_an_outbox_that_joins_during_a_broadcast_gets_the_event_once(topic):
    watchers = watched(topic, [Seeing() for _ in range(FRAMES_PER_TURN + 2)])
    topic.broadcast(FIRST)
    await turn()
    new, again = Seeing(), next(each for each in watchers if not each.versions)
    topic.add(new)
    topic.add(again)
    await all_turns(watchers, 1)
    assert (new.versions, again.versions) == ([1], [1])


@pytest.mark.promise(2)
async def test_a_newer_event_reaches_first_the_outboxes_that_still_wait(topic):
    seen = []
    watchers = watched(topic, [Seeing(seen) for _ in range(FRAMES_PER_TURN + 50)])
    topic.broadcast(FIRST)
    await turn()
    waiting = [each for each in watchers if not each.versions]
    topic.broadcast(SECOND)
    topic.broadcast(THIRD)
    await turn()
    assert all(each.versions == [3] for each in waiting)
    await all_turns(watchers, 3)
    assert sorted(len(each.versions) for each in watchers) == [1] * 50 + [2] * FRAMES_PER_TURN
    assert len(seen) == 2 * FRAMES_PER_TURN + 50


@pytest.mark.promise(7)
async def test_every_outbox_gets_events_even_if_they_arrive_faster_than_a_broadcast_takes(topic):
    watchers = watched(topic, [Seeing() for _ in range(3 * FRAMES_PER_TURN)])
    for version in range(1, 7):
        topic.broadcast(replace(FIRST, version=version))
        await turn()
    assert all(len(each.versions) == 2 for each in watchers)


@pytest.mark.promise(2)
async def test_an_outcome_reaches_all_although_a_new_run_begins_during_its_broadcast(topic):
    class Leaving(Seeing):
        def push(self, event, frame, now):
            super().push(event, frame, now)
            if event.complete:
                topic.discard(self)

        def offer(self, event):
            Outbox.offer(self, event)

        def _wake(self):
            pass

    watchers = watched(topic, [Leaving() for _ in range(2 * FRAMES_PER_TURN)])
    topic.broadcast(OUTCOME)
    await turn()
    late = [each for each in watchers if not each.versions]
    topic.broadcast(THIRD)
    await turn()
    assert len(late) == FRAMES_PER_TURN
    for each in late:
        assert each.pop(0)[1] == OUTCOME
    for each in watchers:
        assert each in late or each.versions == [2]


async def test_a_task_with_many_watchers_does_not_delay_another():
    turns = Turns()
    wide, narrow = Topic(turns), Topic(turns)
    crowd, one = watched(wide, [Seeing() for _ in range(9 * FRAMES_PER_TURN)]), Seeing()
    narrow.add(one)
    wide.broadcast(FIRST)
    narrow.broadcast(FIRST)
    for _ in range(2):
        await turn()
    assert one.versions == [1]
    await all_turns(crowd, 1)


class Socket:
    """A client whose send may fail or wait."""

    def __init__(self, turns, topic, act=lambda: None):
        self.texts, self.codes, self._act, self._topic = [], [], act, topic
        self.writer = Writer(turns, self.send, self)
        topic.add(self.writer)

    def sent(self, _outcome):
        self._topic.discard(self.writer)

    def end(self, code):
        self.codes.append(code)
        self._topic.discard(self.writer)

    async def send(self, message):
        if (waits := self._act()) is not None:
            await waits
        self.texts.append(message["text"])


def fail(error):
    raise error


@pytest.mark.promise(7)
@pytest.mark.parametrize("error", [ConnectionError(), asyncio.CancelledError()])
async def test_a_socket_that_fails_affects_no_other(error):
    failed, turns = [], Turns()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    topic = Topic(turns)
    first = Socket(turns, topic)
    broken = Socket(turns, topic, lambda: fail(error))
    last = Socket(turns, topic)
    for event in (FIRST, SECOND):
        topic.broadcast(event)
        for _ in range(3):
            await turn()
    assert first.texts == last.texts == [FIRST.text(), SECOND.text()]
    assert (broken.texts, broken.codes) == ([], [None])
    assert len(failed) == (not isinstance(error, Exception))


@pytest.mark.promise(7)
async def test_a_socket_whose_send_waits_delays_no_other_and_skips():
    turns, gate = Turns(), asyncio.Event()
    topic = Topic(turns)
    slow, other = Socket(turns, topic, gate.wait), Socket(turns, topic)
    for event in (FIRST, SECOND, THIRD):
        topic.broadcast(event)
        await turn()
    assert other.texts == [FIRST.text(), SECOND.text(), THIRD.text()]
    assert slow.texts == []
    gate.set()
    async with asyncio.timeout(10):
        while len(slow.texts) < 2:
            await turn()
    assert slow.texts == [FIRST.text(), THIRD.text()]
    assert slow.writer._state is READY


@pytest.mark.promise(2)
async def test_a_waiting_frame_is_sent_before_later_frames():
    turns = Turns()
    topic = Topic(turns)
    socket = Socket(turns, topic)
    socket.writer.reply("a")
    topic.broadcast(OUTCOME)
    topic.broadcast(THIRD)
    for _ in range(3):
        await turn()
    assert socket.texts == ["a", OUTCOME.text()]


async def test_a_writer_that_was_stopped_sends_nothing():
    turns = Turns()
    topic = Topic(turns)
    socket = Socket(turns, topic)
    topic.broadcast(FIRST)
    socket.writer.stop()
    await turn()
    await turn()
    assert socket.texts == []


@pytest.mark.promise(7)
async def test_a_socket_that_used_up_its_pace_gets_the_newest_event_later():
    turns = Turns()
    topic = Topic(turns)
    socket = Socket(turns, topic)
    socket.writer._paid_until = turns.now()
    for event in (FIRST, SECOND, THIRD):
        topic.broadcast(event)
        await turn()
    assert socket.texts == [FIRST.text()]
    async with asyncio.timeout(10):
        while len(socket.texts) < 2:
            await asyncio.sleep(0.001)
    assert socket.texts == [FIRST.text(), THIRD.text()]
    await socket.writer.end()


@pytest.mark.promise(7)
async def test_a_socket_that_unsubscribes_while_its_send_waits_gets_no_more_events():
    turns, gate = Turns(), asyncio.Event()
    topic = Topic(turns)
    socket = Socket(turns, topic, gate.wait)
    for event in (FIRST, SECOND):
        topic.broadcast(event)
        await turn()
    topic.discard(socket.writer)
    socket.writer.withdraw("a")
    topic.broadcast(THIRD)
    gate.set()
    async with asyncio.timeout(10):
        while socket.writer._state is not READY:
            await turn()
    assert socket.texts == [FIRST.text()]
