"""The journal behaves like two dictionaries: what is known of (origin, rowKey), and what is under way."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from opusmap.errors import JournalError
from opusmap.journal import Item, Journal, Result, Run, State, Timestamp

KEYS = st.lists(st.sampled_from(["a", "A", "b", "é", "'; --", "", "\0"]), unique=True, max_size=4)
SETTLED = st.sampled_from([State.ACCEPTED, State.FAILED, State.UNCERTAIN])
NOW = Timestamp(1.0, 1.0)


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.journal = Journal.open(":memory:", clock=lambda: 1.0, ticks=lambda: 1.0)
        self.known: dict[tuple[str, str], tuple[int, State, Timestamp | None]] = {}
        self.flying: dict[tuple[str, str], int] = {}
        self.runs: list[Run] = []
        self.start("o1")

    def teardown(self) -> None:
        self.journal.close()

    @rule(origin=st.sampled_from(["o1", "o2"]))
    def start(self, origin: str) -> None:
        self.runs.append(self.journal.start_run(origin=origin, connection="c", mapping="m"))

    @rule(keys=KEYS, which=st.integers(0, 9))
    def intend(self, keys: list[str], which: int) -> None:
        run = self.runs[which % len(self.runs)]
        self.journal.begin(run, [Item(2, key, b"h") for key in keys], NOW)
        self.flying.update({(run.origin, key): run.id for key in keys})

    @rule(keys=KEYS, state=SETTLED, which=st.integers(0, 9), unanswered=st.sampled_from([None, NOW]))
    def settle(self, keys: list[str], state: State, which: int, unanswered: Timestamp | None) -> None:
        run = self.runs[which % len(self.runs)]
        places = [(run.origin, key) for key in keys]
        legal = all(self.flying.get(place) == run.id for place in places)
        try:
            self.journal.finish(run, [Result(key, state, "", unanswered) for key in keys])
        except JournalError:
            assert not legal
        else:
            assert legal
            for place in places:
                del self.flying[place]
                self.known[place] = run.id, state, unanswered

    @rule(keys=KEYS, which=st.integers(0, 9))
    def release(self, keys: list[str], which: int) -> None:
        run = self.runs[which % len(self.runs)]
        legal = all(self.flying.get((run.origin, key)) == run.id for key in keys)
        try:
            self.journal.cancel(run, keys)
        except JournalError:
            assert not legal
        else:
            assert legal
            for key in keys:
                del self.flying[run.origin, key]

    @rule()
    def crash(self) -> None:
        self.journal.recover()
        self.known.update({place: (run, State.PENDING, NOW) for place, run in self.flying.items()})
        self.flying.clear()

    @invariant()
    def agrees(self) -> None:
        for run in self.runs:
            found = [(each.key, each.state, each.unanswered) for each in self.journal.records(run)]
            wanted = [(key, *fact) for (_, key), (number, *fact) in self.known.items() if number == run.id]
            wanted += [
                (key, State.PENDING, NOW) for (_, key), number in self.flying.items() if number == run.id
            ]
            assert sorted(found, key=repr) == sorted(wanted, key=repr)
            counts = self.journal.counts(run)
            assert counts == {state: sum(each[1] is state for each in found) for state in State}


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=50, stateful_step_count=15, deadline=None)
