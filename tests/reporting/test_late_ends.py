"""A run's own end and an outcome from outside the run reach the store, in every order.

Each of the two comes from its own process, or both from one process in one batch.
"""

import asyncio

import pytest

from progress.events import Event, State
from progress.reporting.delivery import Delivery
from progress.reporting.placing import UNBEGUN
from progress.reporting.runs import Run
from progress.store.redis import RedisStore

RUN, OUTSIDE, TOGETHER = "run first", "outside first", "together"
#: The outcomes from outside a run of attempt 1, in the process "one".
OUTCOMES = {
    "its retry is revoked": {"state": State.REVOKED, "attempt": 2, "worker": UNBEGUN},
    "a copy has expired": {"state": State.REVOKED, "attempt": 1, "worker": UNBEGUN},
    "it is terminated": {"state": State.REVOKED, "attempt": 1, "worker": "one"},
    "its process is lost": {"state": State.FAILURE, "attempt": 1, "worker": "one"},
}
#: The end of the run wins, where it is an outcome, unless the run itself was ended before that.
OWN = {RUN: None, OUTSIDE: None, TOGETHER: None}
FIRST = {RUN: None, OUTSIDE: "outside", TOGETHER: None}
#: A run that is to be followed by another one is over by the outcome from outside.
OTHER = {RUN: "outside", OUTSIDE: "outside", TOGETHER: "outside"}
TABLE = {
    (end, outcome): OTHER if end in (State.RETRY, State.PENDING) else ends
    for end in (State.RETRY, State.PENDING, State.FAILURE, State.SUCCESS)
    for outcome, ends in zip(OUTCOMES, (OWN, OWN, FIRST, FIRST), strict=True)
}
CASES = [(*pair, order) for pair, orders in TABLE.items() for order in orders]


class Ends:
    """A task with one run, which the store knows, and the processes that say how it ended."""

    def __init__(self, store):
        self.store = store
        self.child, self.parent = (Delivery(store, refused=lambda _: None) for _ in range(2))
        self.run = Run("a", worker="one", published=5)

    async def begin(self):
        self.child.offer(self.run, self.run.event(State.STARTED))
        await self.child.step()

    async def end(self, state):
        """The run ends by itself."""
        self.offer_end(state)
        await self.child.step()

    def offer_end(self, state):
        self.run.concluded = True
        self.child.offer(self.run, self.run.event(state))

    async def say(self, outcome):
        self.parent.offer("a", outcome)
        await self.parent.step()

    async def state(self):
        return (await self.store.read(["a"]))["a"].state


async def deliver(delivery):
    """Deliver all that is due by now."""
    await asyncio.sleep(0)
    while delivery._due:
        await delivery.step()


@pytest.fixture
async def ends(store, monkeypatch):
    monkeypatch.setattr("progress.reporting.delivery.END_PAUSE", 0.0)
    return Ends(store)


@pytest.mark.parametrize(("end", "outside", "order"), CASES)
async def test_the_task_ends_in_the_same_state_in_every_order(ends, end, outside, order):
    outcome = Event(task_id="a", published=5, **OUTCOMES[outside])
    await ends.begin()
    if order is RUN:
        await ends.end(end)
        await ends.say(outcome)
    elif order is OUTSIDE:
        await ends.say(outcome)
        await ends.end(end)
        await deliver(ends.parent)  # an outcome that waits for the run
    else:
        ends.parent = ends.child
        ends.child.offer("a", Event(task_id="a", state=State.PENDING))  # keeps its place in a batch
        ends.child.offer("a", outcome)
        ends.offer_end(end)
        await deliver(ends.child)
    expected = outcome.state if TABLE[end, outside][order] == "outside" else end
    assert await ends.state() is expected


async def test_a_retry_whose_start_never_came_does_not_replace_a_revoke_of_the_next_attempt(ends):
    await ends.say(Event(task_id="a", published=5, **OUTCOMES["its retry is revoked"]))
    await ends.end(State.RETRY)
    assert await ends.state() is State.REVOKED


@pytest.mark.parametrize("end", [State.RETRY, State.FAILURE, State.SUCCESS])
async def test_a_run_that_counts_as_lost_stays_lost(ends, settings, redis_url, end):
    await ends.begin()
    settings.PROGRESS_LOST_AFTER = 0.000_001
    reaper = RedisStore(redis_url)
    await reaper.lose(["a"])
    await reaper.aclose()
    await ends.end(end)
    assert await ends.state() is State.FAILURE


@pytest.mark.parametrize("lives", [True, False])
async def test_a_dropped_message_ends_a_stalled_run_only_if_no_heartbeat_follows(ends, raw, lives):
    """After an outage of the store, a living run is stalled until its next heartbeat."""
    await ends.begin()
    raw.zadd("progress:alive", {"a": 1})
    await ends.say(Event(task_id="a", published=5, **OUTCOMES["a copy has expired"]))
    if lives:
        await ends.store.beat([("a", ends.run.number)])
    await asyncio.sleep(0)
    await ends.parent.step()
    assert await ends.state() is (State.STARTED if lives else State.REVOKED)


async def test_an_outcome_that_waits_for_a_run_gives_way_to_a_newer_event_from_outside(ends):
    await ends.begin()
    await ends.say(Event(task_id="a", published=5, **OUTCOMES["a copy has expired"]))
    again = Event(task_id="a", state=State.REVOKED, published=9)  # the id was used again
    ends.parent.offer("a", again)
    await ends.parent.step()
    assert (await ends.state(), (await ends.store.read(["a"]))["a"].published) == ("REVOKED", 9)


@pytest.mark.parametrize("end", [State.FAILURE, State.SUCCESS])
async def test_only_a_failure_is_not_sent_if_a_later_attempt_has_begun_in_the_same_process(
    ends, watch, end
):
    """As after ``on_retry`` raised, while the publisher waited for the store."""
    watched = watch("a")
    again = Run("a", worker="one", published=5, attempt=2)
    await ends.begin()
    await watched.until(lambda event: event.state is State.STARTED)
    ends.offer_end(end)
    ends.child.offer(again, again.event(State.STARTED))
    await deliver(ends.child)
    shown = await watched.next()
    assert shown.state is (State.SUCCESS if end is State.SUCCESS else State.STARTED)
