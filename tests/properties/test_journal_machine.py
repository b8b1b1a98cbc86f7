"""The journal behaves like a dictionary from (origin, rowKey) to the last that happened to it."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from opusmap.errors import JournalError
from opusmap.journal import Entry, Journal, Run, Settlement, State

KEYS = st.lists(st.sampled_from(["a", "A", "b", "é", "'; --", ""]), unique=True, max_size=4)
SETTLED = st.sampled_from([State.TAKEN, State.FAILED, State.UNCERTAIN])


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.journal = Journal.open(":memory:", clock=lambda: 1.0)
        self.known: dict[tuple[str, str], tuple[int, State]] = {}
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
        self.journal.intend(run, [Entry(2, key, b"h") for key in keys])
        self.known.update({(run.origin, key): (run.id, State.INTENDED) for key in keys})

    @rule(keys=KEYS, state=SETTLED, which=st.integers(0, 9))
    def settle(self, keys: list[str], state: State, which: int) -> None:
        run = self.runs[which % len(self.runs)]
        legal = all(self.known.get((run.origin, key)) == (run.id, State.INTENDED) for key in keys)
        try:
            self.journal.settle(run, [Settlement(key, state) for key in keys])
        except JournalError:
            assert not legal
        else:
            assert legal
            self.known.update({(run.origin, key): (run.id, state) for key in keys})

    @invariant()
    def agrees(self) -> None:
        for run in self.runs:
            found = {(run.origin, each.key): (each.run, each.state) for each in self.journal.records(run)}
            assert found == {place: fact for place, fact in self.known.items() if fact[0] == run.id}
            assert sum(self.journal.counts(run).values()) == len(found)


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=50, stateful_step_count=15, deadline=None)
