"""A writer sends immediately while its client keeps up, and from a task while it does not."""

import asyncio
from dataclasses import replace

import pytest

from progress.events import Event, State
from progress.hub.outbox import Frame
from progress.hub.turns import FRAMES_PER_TURN, GATHER, Turns
from progress.protocol import Close
from progress.transports.writer import FRAME_SIZE, Gatherer, Writer

EVENT = Event(task_id="a", state=State.PROGRESS, version=1, run=1)


class Sent:
    """A client that records the frames it gets; ``take`` decides how it reads them."""

    def __init__(self, take, turns=None, kind=Writer):
        self.take, self.texts, self.tasks, self.codes, self.outcomes = take, [], [], [], []
        self.writer = kind(turns or Turns(), self.send, self)

    def sent(self, outcome):
        self.outcomes.append(outcome)

    def end(self, code):
        self.codes.append(code)

    async def send(self, message):
        self.tasks.append(asyncio.current_task())
        await self.take()
        self.texts.append(message["text"])

    async def everything(self, *frames):
        async with asyncio.timeout(10):
            while tuple(self.texts) != frames:
                await asyncio.sleep(0)


async def nothing():
    pass


async def test_a_client_that_keeps_up_gets_frames_without_a_task():
    sent, before = Sent(nothing), asyncio.all_tasks()
    sent.writer.reply("a")
    assert sent.texts == []  # the caller of reply() does not wait
    await asyncio.sleep(0)
    assert (sent.texts, asyncio.all_tasks()) == (["a"], before)
    assert sent.tasks == [asyncio.current_task()]


@pytest.mark.parametrize("wait", [lambda: asyncio.sleep(0), lambda: asyncio.sleep(0.01)])
async def test_frames_that_arrive_while_a_send_waits_are_sent_after_it(wait):
    sent = Sent(wait)
    for frame in "abc":
        sent.writer.reply(frame)
    await sent.everything("a", "b", "c")
    sent.writer.reply("d")
    await sent.everything("a", "b", "c", "d")


async def test_a_timeout_inside_the_servers_send_works():
    async def take():
        async with asyncio.timeout(10):
            await nothing()

    sent = Sent(take)
    sent.writer.reply("a")
    await sent.everything("a")


async def test_while_a_send_waits_only_the_newest_event_is_kept():
    gate = asyncio.Event()
    sent = Sent(gate.wait)
    for version in (1, 2, 3):
        sent.writer.offer(replace(EVENT, version=version))
        await asyncio.sleep(0)
    gate.set()
    await sent.everything(EVENT.text(), replace(EVENT, version=3).text())


@pytest.mark.promise(7)
async def test_a_client_that_does_not_read_delays_no_other_client():
    turns = Turns()
    stuck, other = Sent(asyncio.Event().wait, turns), Sent(nothing, turns)
    for each in (stuck, other):
        each.writer.reply("a")
    await other.everything("a")
    await stuck.writer.end()
    assert (stuck.texts, stuck.codes) == ([], [])


async def test_ending_the_writer_cancels_a_send_that_waits():
    left = []

    async def take():
        try:
            await asyncio.Event().wait()
        finally:
            left.append(True)

    sent = Sent(take)
    sent.writer.reply("a")
    await asyncio.sleep(0)
    await sent.writer.end()
    assert left


@pytest.mark.parametrize("waits", [False, True])
async def test_a_client_that_is_gone_is_reported_once(waits):
    async def take():
        if waits:
            await asyncio.sleep(0)
        raise ConnectionError

    sent = Sent(take)
    sent.writer.reply("a")
    async with asyncio.timeout(10):
        while not sent.codes:
            await asyncio.sleep(0)
    assert sent.codes == [None]


async def test_a_client_that_does_not_read_a_frame_in_time_is_disconnected(monkeypatch):
    monkeypatch.setattr("progress.transports.writer.SLOW_AFTER", 0.05)
    sent = Sent(asyncio.Event().wait)
    sent.writer.reply("a")
    async with asyncio.timeout(10):
        while not sent.codes:
            await asyncio.sleep(0.01)
    assert sent.codes == [Close.SLOW]


@pytest.mark.promise(7)
async def test_a_client_that_reads_each_frame_in_time_is_not_too_slow(monkeypatch):
    monkeypatch.setattr("progress.transports.writer.SLOW_AFTER", 1)
    sent = Sent(lambda: asyncio.sleep(0.4))
    for frame in "abc":
        sent.writer.reply(frame)
    await sent.everything("a", "b", "c")
    assert sent.codes == []


async def test_many_frames_for_one_socket_do_not_delay_the_others():
    turns = Turns()
    many, one = Sent(nothing, turns), Sent(nothing, turns)
    for number in range(FRAMES_PER_TURN + 1):
        many.writer.offer(replace(EVENT, task_id=str(number)))
    one.writer.reply("a")
    await asyncio.sleep(0)
    assert len(many.texts) == FRAMES_PER_TURN
    await asyncio.sleep(0)
    assert (len(many.texts), one.texts) == (FRAMES_PER_TURN + 1, ["a"])


async def test_a_writer_that_is_stopped_does_not_send_a_waiting_frame():
    sent = Sent(nothing)
    sent.writer.reply("a")
    sent.writer.stop()
    await asyncio.sleep(0)
    assert sent.texts == []


class Turn:
    """A sender that records that it was run."""

    def __init__(self, calls, error=None):
        self.calls, self.error = calls, error

    def send_up_to(self, _limit):
        if self.error:
            raise self.error
        self.calls.append(self)
        return 1


async def test_a_large_fan_out_does_not_block_the_event_loop():
    turns, calls = Turns(), []
    for _ in range(3 * FRAMES_PER_TURN):
        turns.add(Turn(calls))
    await asyncio.sleep(0)
    assert len(calls) == FRAMES_PER_TURN
    await asyncio.sleep(0)
    assert len(calls) == 2 * FRAMES_PER_TURN


async def test_a_sender_that_fails_does_not_stop_the_others():
    failed, calls, turns = [], [], Turns()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    turns.add(Turn(calls, ZeroDivisionError()))
    turns.add(Turn(calls))
    while not calls:
        await asyncio.sleep(0)
    assert isinstance(failed[0]["exception"], ZeroDivisionError)


async def gathering(*events):
    """Return a gathering socket that has sent the first of these events; the others wait."""
    sent, turns = Sent(nothing, kind=Gatherer), Turns()
    first, *others = events
    sent.writer.offer(first)
    await sent.everything(first.text())
    for event in others:
        sent.writer.push(event, Frame(event.text(), event), turns.now())
    return sent


async def test_events_within_80_ms_of_a_frame_are_sent_together_in_the_next_frame():
    events = [replace(EVENT, task_id=task_id) for task_id in "abc"]
    sent = await gathering(*events)
    assert len(sent.texts) == 1
    await sent.everything(events[0].text(), f"[{events[1].text()},{events[2].text()}]")


async def test_a_gathered_frame_has_the_newest_event_of_each_task_and_no_array_for_one_event():
    newer = replace(EVENT, version=2)
    sent = await gathering(replace(EVENT, task_id="b"), EVENT, newer)
    await sent.everything(sent.texts[0], newer.text())


async def test_after_a_pause_an_event_is_sent_at_once():
    sent = Sent(nothing, kind=Gatherer)
    frame = Frame(EVENT.text(), EVENT)
    asyncio.get_running_loop().call_soon(
        sent.writer.push, EVENT, frame, sent.writer.sent_at + 2 * GATHER
    )
    await asyncio.sleep(0)
    assert sent.texts == [EVENT.text()]


async def test_each_outcome_in_a_gathered_frame_counts_as_sent():
    ends = [replace(EVENT, task_id=task_id, state=State.SUCCESS) for task_id in "bc"]
    sent = await gathering(EVENT, *ends)
    await sent.everything(EVENT.text(), f"[{ends[0].text()},{ends[1].text()}]")
    assert sent.outcomes == ends


async def test_gathered_events_are_split_into_frames_of_limited_size():
    long = [replace(EVENT, task_id=f"{n}", description="x" * 500) for n in range(100)]
    sent = await gathering(EVENT, *long)
    async with asyncio.timeout(10):
        while sum(text.count('"type"') for text in sent.texts) < 101:
            await asyncio.sleep(0)
    assert 2 < len(sent.texts) < 6
    assert max(map(len, sent.texts)) < FRAME_SIZE + 2_000
