"""Any journal behaves like two dictionaries: what is known of (origin, rowKey), and what is in flight.

The machine speaks to the interface alone. How a store is opened, and what a crash leaves of it, is all that a
new store adds: one more `Place`.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from postgres import Server, cut_off, empty_database, let_leases_run_out
from simulation import Variant
from simulation.bugs import BUGS
from simulation.disk import Disk, DiskStorage

from opusmap.errors import JournalError
from opusmap.journal import Item, Journal, Result, Run, Session, State, Timestamp
from opusmap.journal.group_commit import run_inline
from opusmap.journal.in_flight import InFlight
from opusmap.settings import PostgresAddress

ALL_KEYS = ["a", "A", "b", "é", "'; --", "", "\0"]
KEYS = st.lists(st.sampled_from(ALL_KEYS), unique=True, max_size=6)
STATES = st.sampled_from([State.ACCEPTED, State.FAILED, State.UNCERTAIN])
WHICH, WAIT = st.integers(0, 9), st.booleans()
ANY = st.sampled_from([False, False, True])  # whether records that are not in flight are among them
NOW = Timestamp(1.0, 1.0)


class Place(ABC):
    """Where a store keeps its journal, which is opened with both clocks at 1.0."""

    @abstractmethod
    def open(self) -> Journal:
        """Open the journal, again if it was open before."""

    @abstractmethod
    def crash(self, journal: Journal) -> None:
        """End a journal as a crash does: its volatile part is lost."""

    @abstractmethod
    def close(self) -> None:
        """Leave nothing behind."""


class SqliteOnDisk(Place):
    """A file on a disk whose power fails: what was not synced may be missing."""

    variant = Variant()

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._disk = Disk(random.Random(1))

    def open(self) -> Journal:
        return self.variant.journal(
            Path(self._folder.name) / "j.db",
            clock=lambda: 1.0,
            ticks=lambda: 1.0,
            storage=DiskStorage(self._disk),
            sync_executor=lambda sync, then: sync_later(4, sync, then),
            in_flight=self.variant.in_flight(),
        )

    def crash(self, journal: Journal) -> None:
        image = self._disk.cut()
        journal.close()
        self._disk.forget()
        image.restore()

    def close(self) -> None:
        self._disk.close()
        self._folder.cleanup()


class InPostgres(Place):
    """A database whose client is gone without a word: what was not acknowledged may be missing."""

    variant = Variant()
    address = ""

    def __init__(self) -> None:
        empty_database(self.address)

    def open(self) -> Journal:
        from opusmap.journal.postgres_journal import PostgresJournal

        return PostgresJournal(
            PostgresAddress(self.address),
            clock=lambda: 1.0,
            ticks=lambda: 1.0,
            database_clock=lambda: 1.0,
            sync_executor=lambda sync, then: sync_later(4, sync, then),
            in_flight=self.variant.in_flight(),
        )

    def crash(self, journal: Journal) -> None:
        cut_off(self.address)
        journal.close()
        let_leases_run_out(self.address)

    def close(self) -> None:
        pass


def sync_later(steps: int, sync: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
    """Sync some steps of the event loop later, so that a crash finds what is written and not synced."""
    if steps:
        asyncio.get_running_loop().call_soon(sync_later, steps - 1, sync, then)
    else:
        run_inline(sync, then)


class Facts(NamedTuple):
    """What a journal knows: run, state and time by origin and rowKey, and the run of what is in flight."""

    known: dict[tuple[str, str], tuple[int, State, Timestamp | None]]
    in_flight: dict[tuple[str, str], int]

    def copy(self) -> Facts:
        return Facts(dict(self.known), dict(self.in_flight))

    def recovered(self) -> Facts:
        pending = {place: (run, State.PENDING, NOW) for place, run in self.in_flight.items()}
        return Facts({**self.known, **pending}, {})

    def of_run(self, run: Run) -> list[tuple[str, State, Timestamp | None]]:
        found = [(key, *fact) for (_, key), (number, *fact) in self.known.items() if number == run.id]
        found += [
            (key, State.PENDING, NOW) for (_, key), number in self.in_flight.items() if number == run.id
        ]
        return sorted(found, key=repr)


class JournalMachine(RuleBasedStateMachine):
    """Runs that write, and crashes, of the store at `place`."""

    place: type[Place] = SqliteOnDisk

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.at = self.place()
        self.journal = self.at.open()
        self.facts = Facts({}, {})
        self.durable = self.facts.copy()
        self.volatile: list[tuple[asyncio.Future[None], Facts]] = []  # writes not known to be durable
        self.runs: list[Run] = []
        self.writer: tuple[Run, AbstractAsyncContextManager[Session], Session] | None = None
        self.start("o1", distrust=False)

    def teardown(self) -> None:
        self.end_session()
        self.journal.close()
        self.at.close()
        self.loop.close()

    @rule(origin=st.sampled_from(["o1", "o2"]), distrust=st.booleans())
    def start(self, origin: str, *, distrust: bool) -> None:
        run = self.journal.start_run(origin=origin, connection="c", mapping="m", distrust=distrust)
        before = max((each.trusted_from for each in self.runs if each.origin == origin), default=0)
        assert run.trusted_from == (run.id if distrust else before)
        self.runs = [
            replace(each, trusted_from=run.trusted_from) if each.origin == origin else each
            for each in self.runs
        ]
        self.runs.append(run)
        assert self.journal.runs() == tuple(reversed(self.runs))

    @rule(keys=KEYS | st.just(ALL_KEYS), which=WHICH, wait=WAIT)
    def begin(self, keys: list[str], which: int, *, wait: bool) -> None:
        run = self.pick(which)
        assert self.write(run, lambda session: session.begin([Item(2, key, b"h") for key in keys], NOW))
        self.facts.in_flight.update({(run.origin, key): run.id for key in keys})
        self.note(wait=wait)

    @rule(keys=KEYS, any_=ANY, state=STATES, which=WHICH, unanswered=st.sampled_from([None, NOW]), wait=WAIT)
    def finish(
        self,
        keys: list[str],
        state: State,
        which: int,
        unanswered: Timestamp | None,
        *,
        any_: bool,
        wait: bool,
    ) -> None:
        run, keys = (self.pick(which), keys) if any_ else self.pick_in_flight(which, len(keys))
        results = [Result(key, state, "", unanswered) for key in keys]
        if self.end(run, keys, lambda session: session.finish(results)):
            self.facts.known.update({(run.origin, key): (run.id, state, unanswered) for key in keys})
            self.note(wait=wait)

    @rule(keys=KEYS, any_=ANY, which=WHICH, wait=WAIT)
    def cancel(self, keys: list[str], which: int, *, any_: bool, wait: bool) -> None:
        run, keys = (self.pick(which), keys) if any_ else self.pick_in_flight(which, len(keys))
        if self.end(run, keys, lambda session: session.cancel(keys)):
            self.note(wait=wait)

    @precondition(lambda self: self.volatile)
    @rule()
    def end_session(self) -> None:
        """At the end of a session all that was written is durable."""
        if self.writer is not None:
            self.do(self.writer[1].__aexit__(None, None, None))
        self.writer = None
        assert all(durable.done() for durable, _ in self.volatile)
        self.forget_durable()

    @precondition(lambda self: self.facts.in_flight)
    @rule()
    def reopen(self) -> None:
        """What is in flight when a journal is closed is pending when it is opened again."""
        self.end_session()
        self.journal.close()
        self.journal = self.at.open()
        self.facts = self.facts.recovered()
        self.durable = self.facts.copy()

    @precondition(lambda self: self.facts.in_flight or self.volatile)
    @rule()
    def crash(self) -> None:
        """What is durable is there after a crash; of the rest, the first so many writes, each whole."""
        self.forget_durable()
        allowed = [self.durable, *(facts for _, facts in self.volatile)]
        self.at.crash(self.journal)
        if self.writer is not None:  # the killed process: it can write no more
            with suppress(Exception):
                self.do(self.writer[1].__aexit__(None, None, None))
        self.writer, self.volatile = None, []
        self.journal = self.at.open()
        left = [facts for each in allowed if self.holds(facts := each.recovered())]
        assert left, "what the crash left is nothing that the journal ever held"
        self.facts = left[0]
        self.durable = self.facts.copy()

    @invariant()
    def agrees(self) -> None:
        if not self.volatile:
            assert self.holds(self.facts)

    def holds(self, facts: Facts) -> bool:
        """Tell whether reports and look-ups say just this."""
        for run in self.runs:
            found = [(each.key, each.state, each.unanswered) for each in self.journal.records(run)]
            some = [each.key for each in self.journal.records(run, State.ACCEPTED, State.PENDING)]
            wanted = facts.of_run(run)
            if sorted(found, key=repr) != wanted or sorted(some) != sorted(
                key for key, state, _ in wanted if state in (State.ACCEPTED, State.PENDING)
            ):
                return False
        run = self.runs[-1]
        known = {key: fact[:2] for (origin, key), fact in facts.known.items() if origin == run.origin}
        for (origin, key), number in facts.in_flight.items():
            if origin == run.origin:
                known[key] = number, State.PENDING
        found = self.do(self.session(run).look_up([*ALL_KEYS, "never sent"]))
        return {key: (each.run, each.state) for key, each in found.items()} == known

    # -- how a rule writes

    def pick(self, which: int) -> Run:
        return self.runs[which % len(self.runs)]

    def pick_in_flight(self, which: int, count: int) -> tuple[Run, list[str]]:
        """Return a run that has records in flight, if one has, and some of these."""
        runs = [run for run in self.runs if run.id in self.facts.in_flight.values()]
        run = (runs or self.runs)[which % len(runs or self.runs)]
        return run, [key for (_, key), number in self.facts.in_flight.items() if number == run.id][
            : count + 1
        ]

    def session(self, run: Run) -> Session:
        """Return the session of a run; one run writes at a time."""
        if self.writer is None or self.writer[0].id != run.id:
            self.end_session()
            manager = self.journal.session(run)
            self.writer = run, manager, self.do(manager.__aenter__())
        return self.writer[2]

    def write(self, run: Run, step: Callable[[Session], Awaitable[None]]) -> bool:
        """Write something, and do not wait for it; return False if it is refused, and nothing written."""
        session = self.session(run)

        async def main() -> asyncio.Future[None]:
            return asyncio.ensure_future(step(session))

        try:
            self.written = self.do(main())
        except ValueError:
            return False
        return True

    def end(self, run: Run, keys: list[str], step: Callable[[Session], Awaitable[None]]) -> bool:
        """Finish or cancel records; it is refused if one of them is not in flight in this run."""
        legal = all(self.facts.in_flight.get((run.origin, key)) == run.id for key in keys)
        assert self.write(run, step) is legal
        for key in keys if legal else ():
            del self.facts.in_flight[run.origin, key]
        return legal

    def note(self, *, wait: bool) -> None:
        """Note what the write that was just begun comes to."""
        self.volatile.append((self.written, self.facts.copy()))
        if wait:
            self.do(self.written)
        self.forget_durable()

    def forget_durable(self) -> None:
        """Take what is durable by now out of what is volatile; it is so in the order of the writes."""
        while self.volatile and self.volatile[0][0].done():
            durable, self.durable = self.volatile.pop(0)
            durable.result()
        assert not any(durable.done() for durable, _ in self.volatile)

    def do(self, step: Awaitable[Any]) -> Any:
        async def main() -> Any:
            return await step

        return self.loop.run_until_complete(main())


TestSqliteJournal = JournalMachine.TestCase
TestSqliteJournal.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)


def in_postgres(server: Server, bug: str | None = None) -> type[JournalMachine]:
    """Return the machine of a journal in a database, with a planted bug if one is named."""

    class There(InPostgres):
        variant = Variant() if bug is None else BUGS[bug].plant()
        address = server.make_database()

    class Machine(JournalMachine):
        place = There

    return Machine


@pytest.mark.parametrize("examples", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_a_journal_in_a_database_behaves_alike(examples: int, postgres: Server) -> None:
    some = settings(max_examples=examples, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(in_postgres(postgres), settings=settings(some, database=None))


@pytest.mark.parametrize("bug", ["loses the intent", "forgets what a killed run had under way"])
def test_the_machine_catches_a_journal_in_a_database_that(bug: str, postgres: Server) -> None:
    assert BUGS[bug].plant().in_flight is not InFlight
    many = settings(max_examples=1_000, stateful_step_count=25, deadline=None, phases=[Phase.generate])
    with pytest.raises((AssertionError, JournalError)):
        run_state_machine_as_test(in_postgres(postgres, bug), settings=settings(many, database=None))


@pytest.mark.parametrize(
    "bug",
    [
        "accepts before it sends",
        "forgets late effects",
        "forgets what a killed run had under way",
        "hands a result on before it is durable",
        "loses the intent",
        "loses results",
        "does not sync",
    ],
)
def test_the_machine_catches_a_journal_that(bug: str) -> None:
    class Wrong(SqliteOnDisk):
        variant = BUGS[bug].plant()

    class Machine(JournalMachine):
        place = Wrong

    many = settings(max_examples=1_000, stateful_step_count=25, deadline=None, phases=[Phase.generate])
    with pytest.raises((AssertionError, JournalError)):
        run_state_machine_as_test(Machine, settings=settings(many, database=None))
