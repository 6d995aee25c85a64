"""What watchers see of one task if the network loses, repeats and reorders events.

The machine publishes events of several runs through the real rules of the store, then loses,
repeats and reorders them on their way to watchers, which apply the merge rule. In the end a watcher
that reads the store must show the right event.
"""

import asyncio
from dataclasses import replace

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from progress.events import Event, State, follows
from progress.store.memory import MemoryStore

REPORTS = strategies.sampled_from([State.PROGRESS, State.RETRY, State.SUCCESS, State.FAILURE])
WATCHERS = strategies.integers(0, 2)
RUNS = strategies.integers(0, 3)


class Watcher:
    """Keeps the newest event, and a list of all events that it has shown."""

    def __init__(self):
        self.shown = []

    def take(self, event):
        if not self.shown or follows(self.shown[-1], event):
            self.shown.append(event)


class Network(RuleBasedStateMachine):
    """One task, up to four runs of it at once, three watchers."""

    @initialize()
    def begin(self):
        self.clock = 1
        self.store = MemoryStore(now=lambda: self.clock / 1e6)
        self.runs = {}
        self.on_the_way = []
        self.watchers = [Watcher() for _ in range(3)]
        self.highest = 0

    def put(self, event):
        self.clock += 1
        [(accepted, stored)] = asyncio.run(self.store.put([event]))
        if accepted:
            assert stored.version > self.highest
            self.highest = stored.version
            self.on_the_way.append(stored)
        return accepted, stored

    def stands(self):
        return asyncio.run(self.store.read(["a"])).get("a")

    @rule(number=RUNS)
    def a_run_begins(self, number):
        """Begin the first run, a retry, a redelivery, or a run at the same time as another."""
        accepted, stored = self.put(Event(task_id="a", state=State.STARTED))
        if accepted:
            self.runs[number] = stored.run

    @rule(number=RUNS, state=REPORTS)
    def a_run_reports(self, number, state):
        if number in self.runs:
            before = self.stands()
            event = Event(task_id="a", state=state, run=self.runs[number])
            accepted, stored = self.put(event)
            if accepted and before is not None:
                assert stored.run >= before.run, "no flip-flop"
                assert before.state is not State.SUCCESS, "success stays"

    @rule()
    def the_task_waits(self):
        self.put(Event(task_id="a", state=State.PENDING))

    @rule()
    def the_store_loses_everything(self):
        self.store.clear()

    @rule(watcher=WATCHERS, at=strategies.integers(0, 50), times=strategies.integers(1, 2))
    def a_message_arrives(self, watcher, at, times):
        """Deliver one of the messages on the way, perhaps twice; others may be lost."""
        if self.on_the_way:
            for _ in range(times):
                self.watchers[watcher].take(self.on_the_way[at % len(self.on_the_way)])

    @rule(watcher=WATCHERS)
    def a_watcher_reconciles(self, watcher):
        stands = self.stands()
        if stands is not None:
            seen = self.watchers[watcher]
            seen.take(stands)
            newest = seen.shown[-1]
            assert newest.complete or newest.version >= stands.version, "right in the end"

    @rule(watcher=WATCHERS)
    def a_watcher_comes_late(self, watcher):
        self.watchers[watcher] = Watcher()
        self.a_watcher_reconciles(watcher)

    @invariant()
    def versions_rise_and_nothing_follows_the_outcome(self):
        for watcher in self.watchers:
            versions = [event.version for event in watcher.shown]
            assert versions == sorted(set(versions))
            assert not any(event.complete for event in watcher.shown[:-1])


TestNetwork = Network.TestCase
TestNetwork.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_the_machine_detects_a_wrong_merge_rule():
    """The invariant fails if a watcher takes an older event, or an event after the outcome."""
    watcher = Watcher()
    outcome = Event(task_id="a", state=State.FAILURE, version=2)
    watcher.take(outcome)
    for event in (replace(outcome, version=1), replace(outcome, version=3, state=State.STARTED)):
        watcher.take(event)
    assert watcher.shown == [outcome]
