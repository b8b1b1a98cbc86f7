"""A run that several processes send, in a real PostgreSQL: who may join it, how it ends, what errors say.

The state machine (tests/properties/test_share_machine.py) holds leases to their laws.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from journal_steps import begin, count_states, look_up
from postgres import Server, cut_off, execute, let_leases_run_out
from shares import LEASE, Machines, in_session

from opusmap.errors import JournalError, StoppedEarly
from opusmap.journal import Item, Journal, Share, StagedParts, State, Timestamp
from opusmap.run.submit import or_stopped
from opusmap.settings import PostgresAddress

NOW = Timestamp(1_000.0, 10.0)
_T = TypeVar("_T")


@pytest.fixture
def address(postgres: Server) -> PostgresAddress:
    return PostgresAddress(postgres.make_database())


def open_with(address: PostgresAddress, **settings: Any) -> Journal:
    from opusmap.journal.postgres_journal import PostgresJournal

    return PostgresJournal(address, **settings)


def run(step: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(step)


def join(journal: Journal, content: str = "s", parts: int = 3, *, distrust: bool = False) -> Share:
    counts = {"read": 30, "mapped": 30, "filtered": 0, "rejected": 0}
    staged = StagedParts(content, parts, counts)
    facts = {"origin": "https://o", "connection": "c", "mapping": "m.yaml"}
    return run(journal.share_run(**facts, staged=staged, distrust=distrust))


def start(journal: Journal) -> Any:
    return journal.start_run(origin="https://o", connection="c", mapping="m.yaml")


def finish_all(share: Share, **counts: int) -> None:
    while (part := run(share.take())) is not None:
        run(share.finish(part, {"submitted": 10, **counts}))


def test_an_ordinary_run_is_refused_while_processes_share_one_and_the_other_way_round(address) -> None:
    with open_with(address, lease=0.6) as first, open_with(address, lease=0.6) as second:
        join(first)
        with pytest.raises(JournalError, match=r"using the journal: run 1, of a staged run"):
            start(second)
    with open_with(address, lease=0.6) as first, open_with(address, lease=0.6) as second:
        start(first)
        with pytest.raises(JournalError, match="another run of this connection is using the journal"):
            join(second)


def test_a_second_staged_run_of_a_connection_is_refused_while_the_first_is_sent(address) -> None:
    with open_with(address, lease=0.6) as first, open_with(address, lease=0.6) as second:
        assert join(first, "one").run.id == 1
        with pytest.raises(JournalError, match=r"run 1, of a staged run"):
            join(second, "two")
    with open_with(address) as third:
        assert join(third, "two").run.id == 2


def test_a_run_ends_with_its_last_part_whichever_process_sees_it(address) -> None:
    with open_with(address) as first, open_with(address) as second:
        one, other = join(first), join(second)
        assert one.run == other.run
        finish_all(one, failed=0, uncertain=0)
        one.note_requests(3, 1)
        assert run(one.look()).run.ending == "done"
        seen = run(other.look())
        assert seen.run.counts["submitted"] == 30
        assert seen.run.counts["not_sent"] == 0
        assert (seen.counts["requests"], seen.counts["retries"], seen.processes) == (3, 1, 2)
        run(one.leave("", {}))
        run(other.leave("", {}))
        assert [each.ending for each in first.runs()] == ["done"]


def test_a_clean_run_is_not_begun_again_and_one_with_failures_is(address) -> None:
    for failed, expected in ((1, 1), (0, 2), (0, 2)):
        with open_with(address) as journal:
            share = join(journal)
            assert share.run.id == expected
            finish_all(share, failed=failed)
            run(share.look())
            run(share.leave("", {}))
    with open_with(address) as journal:
        assert join(journal, distrust=True).run.id == 3
    with open_with(address) as journal:
        assert join(journal, distrust=True).run.id == 3  # parts are left of it
    with open_with(address) as journal:
        assert join(journal).run.id == 3


def test_the_last_process_that_leaves_says_how_the_run_ended_for_now(address) -> None:
    with open_with(address) as first, open_with(address) as second:
        one, other = join(first), join(second)
        part = run(one.take())
        assert part is not None
        left = run(one.leave("the run was stopped", {part: {"submitted": 4}}))
        assert (left.run.finished, left.free, left.processes) == (None, 3, 1)
        ended = run(other.leave("the run was stopped", {})).run
        assert ended.ending == "the run was stopped"
        assert (ended.counts["submitted"], ended.counts["not_sent"]) == (4, 26)
    with open_with(address) as journal:
        again = join(journal)
        assert (again.run.id, again.run.finished, again.run.ending) == (1, None, "")
        finish_all(again)
        assert run(again.look()).run.counts["submitted"] == 30


def test_what_a_cancelled_process_had_in_flight_is_pending_for_the_next_one(address) -> None:
    with open_with(address) as first, open_with(address) as second:
        one, other = join(first), join(second)
        run(one.take())
        begin(first, one.run, [Item(2, "a", b"1")], NOW)
        first.close()
        assert count_states(second, one.run)[State.PENDING] == 1
        assert run(other.take()) == 0
        assert look_up(second, other.run, ["a"])["a"].unanswered is not None


def test_a_process_that_hangs_longer_than_its_lease_sends_nothing_more(address) -> None:
    """Whatever the clock of its machine says: all times are the database's."""
    world = Machines(address.url)
    hangs, goes_on = world.open(ahead=7_200.0), world.open(ahead=-300.0)
    one, other = join(hangs), join(goes_on)
    assert (run(one.take()), run(other.take())) == (0, 1)
    begin(hangs, one.run, [Item(2, "a", b"1")], NOW)
    world.now += LEASE - 1
    assert run(in_session(goes_on, other, lambda session: session.may_send())) == 0.0  # a heartbeat
    world.now += 2
    assert run(other.take()) == 0
    for step in (
        lambda: run(in_session(hangs, one, lambda session: session.may_send())),
        lambda: run(one.finish(0, {})),
        lambda: run(one.take()),
        lambda: begin(hangs, one.run, [Item(3, "b", b"1")], NOW),
    ):
        with pytest.raises(JournalError, match="has taken the journal over"):
            step()
    assert count_states(goes_on, one.run)[State.PENDING] == 1
    world.close()


def test_waiting_for_a_dead_lease_leaves_the_event_loop_free_and_ends_when_the_run_is_stopped(
    address,
) -> None:
    killed = open_with(address)
    start(killed)
    cut_off(address.url)
    killed.close()

    async def main(journal: Journal) -> float:
        stop, began = asyncio.Event(), time.monotonic()
        asyncio.get_running_loop().call_later(0.1, stop.set)
        waiting = journal.wait_to_write(origin="https://o", connection="c")
        with pytest.raises(StoppedEarly):
            await or_stopped(waiting, stop)
        return time.monotonic() - began

    with open_with(address) as journal:
        assert run(main(journal)) < 20.0  # the lease lasts 30


def test_a_database_that_is_away_is_told_and_nothing_is_done(postgres: Server, address) -> None:
    with open_with(address) as journal:
        share = join(journal)
        run(share.take())
        postgres.restart()
        for step in (share.take, share.look):
            with pytest.raises(JournalError, match=r"server was stopped|connection to the server was lost"):
                run(step())
    let_leases_run_out(address.url)
    with open_with(address) as journal:
        assert run(join(journal).take()) == 0


def test_a_read_only_database_is_told(address) -> None:
    with open_with(address) as journal:
        share = join(journal)
        execute(address.url, "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'read only' USING ERRCODE = '25006'; END $$")  # fmt: skip
        execute(address.url, "CREATE TRIGGER no BEFORE UPDATE ON opusmap.parts "
                "FOR EACH ROW EXECUTE FUNCTION no()")  # fmt: skip
        with pytest.raises(JournalError, match="the database is read-only"):
            run(share.take())


def test_many_threads_take_each_part_once(address) -> None:
    found: list[int] = []

    def work() -> None:
        with open_with(address) as journal:
            share = join(journal, parts=12)
            while (part := run(share.take())) is not None:
                found.append(part)
                run(share.finish(part, {"submitted": 1}))

    with open_with(address) as journal:
        join(journal, parts=12)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert sorted(found) == list(range(12))
