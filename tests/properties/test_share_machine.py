"""Processes that share a run behave like a table of parts: each is one process's, until its lease is over.

The machine has its own idea of who holds what, of the database's clock alone, and compares it with a real
PostgreSQL after each step. A process that hangs is one that does nothing for a while, and then goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

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
from postgres import Server, empty_database
from shares import LEASE, SHARE_BUGS, Machines, in_session, join

from opusmap.errors import JournalError
from opusmap.journal import Item, Journal, Result, Share, State, Timestamp
from opusmap.journal.interface import Session
from opusmap.journal.postgres_journal import PostgresJournal

PARTS = 4
WHICH = st.integers(0, 9)
FRESH = LEASE / 2
FORWARD = [Phase.generate]  # a step asks a real server several times: shrinking takes minutes


@dataclass(eq=False)
class Process:
    """What the machine knows of a process: its parts, what it has in flight by key, and its lease."""

    journal: Journal
    share: Share
    beat: float
    over: bool = False
    parts: set[int] = field(default_factory=set)
    in_flight: set[str] = field(default_factory=set)
    unheard: float = 0.0  # until when a hold lasts of which it does not know


class ShareMachine(RuleBasedStateMachine):
    """Up to three processes at one run; `journal` is theirs."""

    journal: type[PostgresJournal] = PostgresJournal
    address = ""

    def __init__(self) -> None:
        super().__init__()
        empty_database(self.address)
        self.loop = asyncio.new_event_loop()
        self.world = Machines(self.address, self.journal)
        self.processes: list[Process] = []
        self.done = set[int]()
        self.accepted, self.pending = set[str](), set[str]()
        self.sent = 0
        self.held_until = 0.0
        self.ended_for_now = False
        self.start(0.0)

    def teardown(self) -> None:
        self.world.close()
        self.loop.close()

    # -- rules

    @precondition(lambda self: len(self.processes) < 3)
    @rule(ahead=st.sampled_from([0.0, 7_200.0, -900.0]))
    def start(self, ahead: float) -> None:
        journal = self.world.open(ahead)
        share = self.do(join(journal, PARTS))
        self.processes.append(Process(journal, share, self.world.now, unheard=self.held_until))
        self.end_dead(self.processes[-1])
        self.ended_for_now = self.ended_for_now and len(self.done) == PARTS

    @rule(seconds=st.sampled_from([1.0, FRESH - 2, FRESH + 2, LEASE + 2]))
    def pass_time(self, seconds: float) -> None:
        self.world.now += seconds

    @precondition(lambda self: self.processes)
    @rule(which=WHICH)
    def take(self, which: int) -> None:
        process = self.pick(which)
        ok, part = self.attempt(process, process.share.take())
        if ok:
            self.end_dead(process)
            taken = self.done.union(*[one.parts for one in self.processes if not one.over])
            assert part == min(set(range(PARTS)) - taken, default=None)
            process.parts |= {part} - {None}

    @precondition(lambda self: any(one.parts or one.over for one in self.processes))
    @rule(which=WHICH)
    def begin(self, which: int) -> None:
        process = self.pick(which, [one for one in self.processes if one.parts or one.over])
        part, self.sent = min(process.parts, default=0), self.sent + 1
        key = f"{part}-{self.sent}"
        sent = Timestamp(self.world.now, self.world.now)
        item = Item(self.sent, key, b"h")
        if self.write(process, lambda session: session.begin([item], sent)):
            process.in_flight.add(key)
            self.pending.add(key)

    @precondition(lambda self: any(one.in_flight for one in self.processes))
    @rule(which=WHICH)
    def finish_record(self, which: int) -> None:
        process = self.pick(which, [one for one in self.processes if one.in_flight])
        key = min(process.in_flight)
        if self.write(process, lambda session: session.finish([Result(key, State.ACCEPTED)])):
            process.in_flight.discard(key)
            self.pending.discard(key)
            self.accepted.add(key)

    @precondition(lambda self: any(one.parts and not one.in_flight for one in self.processes))
    @rule(which=WHICH)
    def finish_part(self, which: int) -> None:
        process = self.pick(which, [one for one in self.processes if one.parts and not one.in_flight])
        part = min(process.parts)
        if self.attempt(process, process.share.finish(part, {"submitted": 10}))[0]:
            process.parts.discard(part)
            self.done.add(part)

    @precondition(lambda self: self.processes)
    @rule(which=WHICH)
    def may_send(self, which: int) -> None:
        process = self.pick(which)
        ok, held = self.attempt(
            process, in_session(process.journal, process.share, lambda session: session.may_send())
        )
        if ok:
            if self.world.now - process.beat > FRESH:
                process.beat = self.world.now
                heard = process.unheard
            else:  # it learns of a hold by the next write, or the next heartbeat
                heard = process.unheard if held else 0.0
            assert held == pytest.approx(max(0.0, heard - self.world.now))
            process.unheard = 0.0 if heard else process.unheard

    @precondition(lambda self: self.processes)
    @rule(which=WHICH)
    def hold(self, which: int) -> None:
        process = self.pick(which)
        if process.over:
            return

        async def tell(session: Session) -> None:
            session.hold(20.0)

        self.do(in_session(process.journal, process.share, tell))
        if self.held_until < self.world.now + 20.0:
            self.held_until = self.world.now + 20.0
            for one in self.processes:
                one.unheard = 0.0 if one is process else self.held_until

    @precondition(lambda self: self.processes)
    @rule(which=WHICH)
    def leave(self, which: int) -> None:
        process = self.pick(which)
        if not process.over:
            self.do(process.share.leave("stopped", {}))
            self.end_dead(process)
            self.pending |= process.in_flight
            process.over = True
            process.journal.close()
            self.processes.remove(process)
            self.ended_for_now = all(one.over for one in self.processes)

    @precondition(lambda self: self.processes)
    @invariant()
    def agrees(self) -> None:
        process = self.processes[-1]
        records = {one.key: one.state for one in process.journal.records(process.share.run)}
        wanted = dict.fromkeys(self.accepted, State.ACCEPTED) | dict.fromkeys(self.pending, State.PENDING)
        assert records == wanted
        progress = self.do(process.share.look())
        taken = set[int]().union(*[one.parts for one in self.processes if not one.over])
        assert (progress.done, progress.taken) == (len(self.done), len(taken))
        assert progress.free == PARTS - len(self.done) - len(taken)
        assert progress.processes == sum(not one.over for one in self.processes)
        assert (progress.run.finished is not None) == (len(self.done) == PARTS or self.ended_for_now)

    # -- how a rule acts

    def pick(self, which: int, among: list[Process] | None = None) -> Process:
        found = self.processes if among is None else among
        return found[which % len(found)]

    def end_dead(self, by: Process) -> None:
        """Note that a process frees what others had whose leases have run out."""
        for one in self.processes:
            if one is not by and one.beat + LEASE < self.world.now:
                one.over = True
                one.parts.clear()

    def write(self, process: Process, step: Callable[[Session], Awaitable[None]]) -> bool:
        return self.attempt(process, in_session(process.journal, process.share, step))[0]

    def attempt(self, process: Process, step: Awaitable[Any]) -> tuple[bool, Any]:
        """Do something; a process whose lease is over is told so, and is gone then."""
        if not process.over:
            return True, self.do(step)
        refused = ""
        try:
            self.do(step)
        except JournalError as error:
            refused = error.problem
        assert "taken the journal over" in refused, "a process whose lease is over was not stopped"
        process.journal.close()
        self.processes.remove(process)
        return False, None

    def do(self, step: Awaitable[Any]) -> Any:
        async def main() -> Any:
            return await step

        return self.loop.run_until_complete(main())


def in_postgres(server: Server, bug: str | None = None) -> type[ShareMachine]:
    """Return the machine at a database, with a planted bug if one is named."""

    class Machine(ShareMachine):
        journal = PostgresJournal if bug is None else SHARE_BUGS[bug]
        address = server.make_database()

    return Machine


def test_a_process_does_not_wait_for_its_own_hold_after_a_longer_one_of_its_own(postgres: Server) -> None:
    machine = in_postgres(postgres)()
    try:
        machine.pass_time(FRESH + 2)
        machine.hold(0)
        machine.may_send(0)  # its lease is renewed, which tells of its own hold
        machine.pass_time(1.0)
        machine.hold(0)
        machine.may_send(0)
    finally:
        machine.teardown()


@pytest.mark.parametrize("examples", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_processes_share_a_run(examples: int, postgres: Server) -> None:
    some = settings(
        max_examples=examples, stateful_step_count=30, deadline=None, database=None, phases=FORWARD
    )
    run_state_machine_as_test(in_postgres(postgres), settings=some)


SEARCHED = {"has no fencing token", "does not share a hold"}
"""Bugs that show in few sequences: the search takes half a minute, the others are met in seconds."""


@pytest.mark.parametrize(
    "bug",
    [pytest.param(bug, marks=pytest.mark.slow) if bug in SEARCHED else bug for bug in SHARE_BUGS],
)
def test_the_machine_catches_a_journal_that(bug: str, postgres: Server) -> None:
    many = settings(max_examples=500, stateful_step_count=40, deadline=None, database=None, phases=FORWARD)
    with pytest.raises((AssertionError, JournalError)):
        run_state_machine_as_test(in_postgres(postgres, bug), settings=many)
