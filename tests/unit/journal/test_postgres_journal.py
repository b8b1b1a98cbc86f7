"""A journal in PostgreSQL: who may write, what outlives its end, and what its errors say.

What any journal does, the state machine holds it to (tests/properties/test_journal_machine.py).
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from journal_steps import begin, count_states, finish, look_up
from postgres import PASSWORD, Server, cut_off, fill_disk, let_leases_run_out

from opusmap.errors import JournalError, NoJournal
from opusmap.journal import Item, Journal, Result, Run, State, Timestamp, open_journal
from opusmap.settings import PostgresAddress, Secret

NOW = Timestamp(1_000.0, 10.0)
ITEMS = [Item(2, "a", b"1"), Item(3, "\0", b"2")]


@pytest.fixture
def address(postgres: Server) -> PostgresAddress:
    return PostgresAddress(postgres.make_database())


def execute(address: PostgresAddress, query: str) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(address.url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return [] if cursor.description is None else cursor.fetchall()


def open_with(address: PostgresAddress, **settings: Any) -> Journal:
    from opusmap.journal.postgres_journal import PostgresJournal

    return PostgresJournal(address, **settings)


def start(journal: Journal, connection: str = "c") -> Run:
    return journal.start_run(origin="https://o", connection=connection, mapping="mäp.yaml")


# -- who may write


def test_a_second_run_of_a_connection_is_refused_while_the_first_one_lives(address) -> None:
    with open_with(address, lease=0.6) as first, open_with(address, lease=0.6) as second:
        start(first)
        with pytest.raises(JournalError, match="another run of this connection is using the journal"):
            start(second)


def test_runs_of_two_connections_write_at_the_same_time_and_their_numbers_differ(address) -> None:
    with open_journal(address) as first, open_journal(address) as second:
        runs = [start(first, "c-1"), start(second, "c-2")]
        for journal, run in zip((first, second), runs, strict=True):
            begin(journal, run, ITEMS, NOW)
        for journal, run in zip((first, second), runs, strict=True):
            finish(journal, run, [Result("a", State.ACCEPTED)])
            assert count_states(journal, run)[State.PENDING] == 1
        assert [run.id for run in runs] == [1, 2]


def test_a_run_gives_its_lease_back_at_its_end(address) -> None:
    for number in (1, 2):
        with open_journal(address) as journal:
            assert start(journal).id == number


def test_the_lease_of_a_killed_run_is_waited_for_and_what_it_had_in_flight_is_pending(
    address, caplog: pytest.LogCaptureFixture
) -> None:
    killed = open_with(address, lease=1.0)
    begun = start(killed)
    begin(killed, begun, ITEMS, NOW)
    cut_off(address.url)
    killed.close()
    with open_with(address, lease=1.0) as journal:
        run = start(journal)
        assert "this run waits" in caplog.text
        assert count_states(journal, begun)[State.PENDING] == 2
        assert look_up(journal, run, ["a"])["a"].unanswered is not None


def test_a_run_that_was_taken_over_writes_nothing_more(address) -> None:
    """A process that stops for longer than its lease, and goes on: the number of its writer is too old."""
    with open_journal(address) as stopped:
        run = start(stopped)
        begin(stopped, run, ITEMS[:1], NOW)
        let_leases_run_out(address.url)
        with open_journal(address) as journal:
            start(journal)
            for step in (
                lambda: begin(stopped, run, ITEMS[1:], NOW),
                lambda: finish(stopped, run, [Result("a", State.ACCEPTED)]),
                lambda: start(stopped),
            ):
                with pytest.raises(JournalError, match="has taken the journal over"):
                    step()
            states = count_states(journal, run)
            assert (states[State.PENDING], states[State.ACCEPTED]) == (1, 0)


def test_runs_are_not_pruned_while_their_connection_is_being_written(address) -> None:
    with open_with(address, lease=0.6) as first, open_with(address, lease=0.6) as second:
        run = start(first)
        begin(first, run, ITEMS, NOW)
        with pytest.raises(JournalError, match="using the journal"):
            second.prune(4e9)
        assert count_states(first, run)[State.PENDING] == 2


# -- durable


def in_session(journal: Journal, run: Run, step: Callable[[Any], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with journal.session(run) as session:
            return await step(session)

    return asyncio.run(main())


def test_what_was_acknowledged_outlives_the_servers_end_and_the_run_stops_in_words(
    postgres: Server, address
) -> None:
    journal = open_journal(address)
    run = start(journal)
    begin(journal, run, ITEMS, NOW)
    finish(journal, run, [Result("a", State.ACCEPTED)])
    postgres.restart()
    with pytest.raises(
        JournalError, match=r"the server was stopped|connection to the server was lost"
    ) as lost:
        finish(journal, run, [Result("\0", State.ACCEPTED)])
    assert "run the same command again" in lost.value.help
    journal.close()
    let_leases_run_out(address.url)
    with open_journal(address) as journal:
        states = count_states(journal, run)
        assert (states[State.ACCEPTED], states[State.PENDING]) == (1, 1)
        assert start(journal).id == run.id + 1


def test_a_commit_waits_for_the_disk_whatever_the_database_is_set_to(address) -> None:
    with open_journal(address):
        pass
    execute(address, "CREATE TABLE seen (setting text)")
    execute(
        address,
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$",
    )
    for table in ("runs", "requests", "accepted"):
        execute(
            address,
            f"CREATE CONSTRAINT TRIGGER note AFTER INSERT ON opusmap.{table} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()",
        )
    for setting, found in (("off", {("on",)}), ("remote_apply", {("remote_apply",)})):
        execute(address, "TRUNCATE seen")
        name = execute(address, "SELECT current_database()")[0][0]
        execute(address, f"ALTER DATABASE {name} SET synchronous_commit = {setting}")
        with open_journal(address) as journal:
            run = start(journal)
            begin(journal, run, ITEMS, NOW)
            finish(journal, run, [Result("a", State.ACCEPTED)])
        assert set(execute(address, "SELECT setting FROM seen")) == found


def test_the_window_counts_by_the_databases_clock_across_machines(address) -> None:
    """One machine's clock is two hours ahead, another has just been started: neither shortens the wait."""
    server = [5_000.0]
    ahead = {"clock": lambda: server[0] + 7_200, "ticks": lambda: 900.0, "database_clock": lambda: server[0]}
    with open_with(address, **ahead) as journal:
        run = start(journal)
        begin(journal, run, ITEMS, NOW)
        finish(journal, run, [Result("a", State.UNCERTAIN, "?", Timestamp(server[0] + 7_198, 898.0))])
    server[0] += 10
    other = {"clock": lambda: 77.0, "ticks": lambda: 3.0, "database_clock": lambda: server[0]}
    with open_with(address, **other) as journal:
        known = look_up(journal, start(journal), ["a", "\0"])
        assert known["a"].unanswered == Timestamp(77.0 - 12, 3.0 - 12)
        assert known["\0"].unanswered == Timestamp(77.0, 3.0)  # counts as sent when it was found
    server[0] -= 4_000  # set back: the wait begins again, and ends
    with open_with(address, **other) as journal:
        assert look_up(journal, start(journal), ["a"])["a"].unanswered == Timestamp(77.0, 3.0)


def test_pruned_records_are_gone_from_the_tables_files(postgres: Server, address) -> None:
    with open_journal(address) as journal:
        run = start(journal)
        items = [Item(2, "key-to-forget", b"1"), Item(3, "b", b"2")]
        begin(journal, run, items, NOW)
        finish(
            journal,
            run,
            [Result("key-to-forget", State.FAILED, "reason-to-forget"), Result("b", State.ACCEPTED)],
        )
        journal.finish_run(run, ending="stopped: reason-to-forget", counts={"read": 2})
        assert journal.prune(4e9).records == 2
        assert journal.runs()[0].ending == "stopped"
        assert journal.prune(4e9).runs == ()
    execute(address, "CHECKPOINT")
    for table in ("accepted", "detailed", "requests", "runs"):
        [(path,)] = execute(address, f"SELECT pg_read_binary_file(pg_relation_filepath('opusmap.{table}'))")
        assert b"to-forget" not in path


def test_evidence_is_replaced_and_read_back(address) -> None:
    with open_journal(address) as journal:
        run = start(journal)
        assert journal.evidence(run) == {}
        for evidence in ({"a": 1}, {"b": "\0é"}):
            journal.keep_evidence(run, evidence)
        with open_journal(address, write=False) as reader:
            assert reader.evidence(run) == {"b": "\0é"}
            assert reader.identity() == journal.identity()
            assert reader.runs()[0].mapping == "mäp.yaml"


def test_many_accepted_records_come_in_the_order_of_their_rows(address) -> None:
    with open_journal(address) as journal:
        run = start(journal)
        items = [Item(row, f"k{row}", b"1") for row in range(5_000, 0, -1)]
        begin(journal, run, items, NOW)
        finish(journal, run, [Result(item.key, State.ACCEPTED) for item in items if item.row != 7])
        found = list(journal.records(run))
        assert [record.row for record in found] == list(range(1, 5_001))
        assert found[6].state is State.PENDING


# -- quick


def test_a_look_up_reads_only_what_it_asks_for_though_the_server_has_no_statistics_of_the_target(
    address,
) -> None:
    from opusmap.journal.postgres_records import LOOK_UP

    items = [Item(row, f"k{row}", b"1") for row in range(300)]
    results = [Result(item.key, State.ACCEPTED) for item in items]
    with open_with(address) as journal:
        for connection in ("known", "new"):
            run = start(journal, connection)
            begin(journal, run, items, NOW)
            finish(journal, run, results)
            if connection == "known":
                execute(address, "ANALYZE opusmap.accepted")
        assert len(look_up(journal, run, ["k1", "k2", "no"])) == 2
    ((target,),) = execute(address, "SELECT target FROM opusmap.runs ORDER BY id DESC LIMIT 1")
    import psycopg

    with psycopg.connect(address.url) as connection:
        values = {"target": target, "keys": [b"k%d" % row for row in range(15)], "now": None}
        plan = connection.execute(f"EXPLAIN (ANALYZE) {LOOK_UP}".encode(), values).fetchall()
    assert not [line for (line,) in plan if "Rows Removed" in line]


# -- in words


def test_two_processes_may_create_the_tables_at_the_same_time(address) -> None:
    with ThreadPoolExecutor(4) as pool:
        for journal in list(pool.map(lambda _: open_journal(address), range(4))):
            journal.close()
    assert execute(address, "SELECT count(*) FROM opusmap.journal") == [(1,)]


def test_a_database_without_a_journal_is_told_from_one_that_can_t_be_read(address) -> None:
    with pytest.raises(NoJournal, match="there is no journal in this database"):
        open_journal(address, write=False)


@pytest.mark.parametrize("write", [True, False])
def test_a_journal_of_a_newer_version_is_refused(address, *, write: bool) -> None:
    open_journal(address).close()
    execute(address, "UPDATE opusmap.journal SET version = 99")
    with pytest.raises(JournalError, match="has version 99, but this opusmap reads version 2"):
        open_journal(address, write=write)


def test_a_role_that_may_only_read_reads_and_one_without_rights_is_told_which_it_lacks(
    postgres: Server, address
) -> None:
    with open_journal(address) as journal:
        start(journal)
    execute(address, "DROP ROLE IF EXISTS auditor")
    execute(address, "CREATE ROLE auditor LOGIN")
    auditor = PostgresAddress(address.url.replace("opus@", "auditor@"))
    with pytest.raises(JournalError, match="does not have enough rights") as refused:
        open_journal(auditor, write=False)
    assert "USAGE on the schema" in refused.value.help
    execute(address, "GRANT USAGE ON SCHEMA opusmap TO auditor")
    execute(address, "GRANT SELECT ON ALL TABLES IN SCHEMA opusmap TO auditor")
    with open_journal(auditor, write=False) as journal:
        assert len(journal.runs()) == 1
    with pytest.raises(JournalError, match="does not have enough rights"):
        open_journal(auditor)
    execute(address, "DROP OWNED BY auditor")
    execute(address, "DROP ROLE auditor")


def test_a_read_only_database_is_told(address) -> None:
    open_journal(address).close()
    name = execute(address, "SELECT current_database()")[0][0]
    execute(address, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(JournalError, match="the database is read-only"):
        open_journal(address)


def test_a_full_disk_stops_the_run_in_words(address) -> None:
    """The server says so by its code, which a trigger gives here as a full disk would."""
    with open_journal(address) as journal:
        run = start(journal)
        fill_disk(address.url)
        with pytest.raises(JournalError, match="the server's disk is full: could not extend file") as full:
            begin(journal, run, ITEMS, NOW)
        assert "free disk space" in full.value.help


def addresses(server: Server, address: PostgresAddress) -> Iterator[tuple[PostgresAddress, str]]:
    by_port = server.by_port(address.url)
    yield PostgresAddress(by_port), "the password is missing or wrong"
    yield PostgresAddress(by_port, Secret("pw-wrong")), "the password is missing or wrong"
    yield PostgresAddress("postgresql://opus@127.0.0.1:1/x", Secret(PASSWORD)), "no connection to the server"
    yield PostgresAddress(re.sub(r"/test_\d+", "/nothing", address.url)), "the database does not exist"
    yield PostgresAddress(by_port + "?sslmode=require", Secret(PASSWORD)), "the server does not offer TLS"


def test_a_server_that_can_t_be_used_is_told_without_the_password(postgres: Server, address) -> None:
    for bad, problem in addresses(postgres, address):
        with pytest.raises(JournalError, match=problem) as caught:
            open_journal(bad)
        assert caught.value.help
        assert PASSWORD not in str(caught.value)
        assert "pw-wrong" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_the_password_is_used_and_is_nowhere_in_the_database_or_the_servers_log(
    postgres: Server, address
) -> None:
    with open_journal(PostgresAddress(postgres.by_port(address.url), Secret(PASSWORD))) as journal:
        run = start(journal)
        begin(journal, run, ITEMS, NOW)
        journal.keep_evidence(run, {"a": 1})
    tables = execute(address, "SELECT tablename FROM pg_tables WHERE schemaname = 'opusmap'")
    assert len(tables) == 12
    for (table,) in tables:
        assert PASSWORD not in str(execute(address, f"SELECT t::text FROM opusmap.{table} AS t"))
    assert PASSWORD not in postgres.log


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name == "psycopg" or name.startswith(("psycopg.", "opusmap.journal.postgres")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(JournalError, match="needs the package psycopg, which is not installed") as caught:
        open_journal(PostgresAddress("postgresql://opus@/x"))
    assert "`postgres`" in caught.value.help
