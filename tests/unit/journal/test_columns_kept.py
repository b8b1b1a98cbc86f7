"""Each store keeps hashes of columns with an accepted record, and which records were absent from a source."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from journal_steps import begin, finish
from postgres import Server, execute

from opusmap.journal import Item, Journal, Result, Run, State, Timestamp, hash_content, open_journal
from opusmap.settings import JournalPlace, PostgresAddress

ORIGIN, CONNECTION = "https://opus.example.com", "c"
NOW = Timestamp(0.0, 0.0)
OLD, NEW = b'{"Name":"x","Kind":1}', b'{"Kind":1,"Name":"y","More":2}'
CONTENT = hash_content(OLD, "overwrite")


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    if request.param == "file":
        return tmp_path / "j.db"
    server: Server = request.getfixturevalue("postgres")
    return PostgresAddress(server.make_database())


def run_of(journal: Journal, connection: str = CONNECTION) -> Run:
    return journal.start_run(origin=ORIGIN, connection=connection, mapping="m.yaml")


def hash_and_accept(
    journal: Journal, run: Run, keys: list[str], record: bytes = OLD, unanswered: Timestamp | None = None
) -> None:
    async def main() -> None:
        async with journal.session(run) as session:
            content = hash_content(record, "overwrite")
            columns = session.hash_columns(record, content)
            await session.begin([Item(2, key, content, columns) for key in keys], NOW)
            await session.finish([Result(key, State.ACCEPTED, "", unanswered) for key in keys])

    asyncio.run(main())


def changed(journal: Journal, key: str, content: bytes = CONTENT) -> tuple[str, ...] | None:
    return journal.compare_columns(ORIGIN, CONNECTION, {key: (content, NEW)}).get(key)


def test_the_columns_of_an_accepted_record_are_compared_by_a_later_reader(place: JournalPlace) -> None:
    keys = ["é\0", *(f"k{number}" for number in range(600))]
    with open_journal(place) as journal:
        hash_and_accept(journal, run_of(journal), keys)
    with open_journal(place, write=False) as journal:
        found = journal.compare_columns(ORIGIN, CONNECTION, dict.fromkeys(keys, (CONTENT, NEW)))
        assert {key: set(names) for key, names in found.items()} == {key: {"Name", "More"} for key in keys}
        assert changed(journal, "another") is None
        assert journal.compare_columns(ORIGIN, "other", {keys[0]: (CONTENT, NEW)}) == {}


def test_only_the_version_that_was_accepted_last_is_compared(place: JournalPlace) -> None:
    with open_journal(place) as journal:
        run = run_of(journal)
        hash_and_accept(journal, run, ["a"])
        hash_and_accept(journal, run, ["a"], NEW)
        assert changed(journal, "a") is None
        assert changed(journal, "a", hash_content(NEW, "overwrite")) == ()


def test_records_without_hashes_and_those_that_an_older_opusmap_replaced_are_not_compared(
    place: JournalPlace,
) -> None:
    with open_journal(place) as journal:
        run = run_of(journal)
        begin(journal, run, [Item(2, "a", CONTENT)], NOW)
        finish(journal, run, [Result("a", State.ACCEPTED)])
        assert changed(journal, "a") is None


def test_a_record_that_was_accepted_after_a_request_without_an_answer_is_compared_as_any_other(
    place: JournalPlace,
) -> None:
    with open_journal(place) as journal:
        first = run_of(journal)
        hash_and_accept(journal, first, ["a", "b"], NEW)
        later = run_of(journal)
        hash_and_accept(journal, later, ["a", "c"], OLD, NOW)
        assert set(changed(journal, "a") or ()) == set(changed(journal, "c") or ()) == {"Name", "More"}
        known = journal.find_records(ORIGIN, CONNECTION, ["a"])["a"]
        assert (known.content, known.unanswered is None) == (CONTENT, False)
        assert [each.key for each in journal.records(first)] == ["b"]
        assert [each.key for each in journal.records(later)] == ["a", "c"]
        assert list(journal.accepted_keys(ORIGIN, CONNECTION)) == ["a", "b", "c"]
        for run in (first, later):
            journal.finish_run(run, ending="done", counts={})
        assert journal.prune(9e10, {later.id}).records == 2
        assert list(journal.accepted_keys(ORIGIN, CONNECTION)) == ["b"]


def test_an_older_opusmap_can_go_on_with_the_journal(place: JournalPlace) -> None:
    with open_journal(place) as journal:
        hash_and_accept(journal, run_of(journal), ["a", "b"])
    other = hash_content(NEW, "overwrite").hex()
    if isinstance(place, PostgresAddress):
        execute(
            place.url,
            "INSERT INTO opusmap.accepted (target, run, row, key, content) "
            f"VALUES (1, 1, 2, 'a', '\\x{other}') ON CONFLICT (target, key) DO UPDATE SET "
            "run = excluded.run, row = excluded.row, content = excluded.content",
        )
    else:
        with closing(sqlite3.connect(place)) as database, database:
            database.execute(
                "INSERT OR REPLACE INTO accepted (target, run, row, key, content) "
                f"VALUES (1, 1, 2, 'a', x'{other}')"
            )
    with open_journal(place, write=False) as journal:
        assert changed(journal, "a", bytes.fromhex(other)) is None
        assert changed(journal, "b") is not None


def test_a_journal_from_before_there_were_hashes_is_read_as_it_is_and_upgraded_in_place(
    place: JournalPlace,
) -> None:
    with open_journal(place) as journal:
        run = run_of(journal)
        begin(journal, run, [Item(2, "a", CONTENT)], NOW)
        finish(journal, run, [Result("a", State.ACCEPTED)])
    if isinstance(place, PostgresAddress):
        for table, column in (("accepted", "columns"), ("journal", "column_key")):
            execute(place.url, f"ALTER TABLE opusmap.{table} DROP COLUMN {column}")
        execute(place.url, "DROP TABLE opusmap.column_layouts, opusmap.gone")
    else:
        with closing(sqlite3.connect(place)) as database:
            database.executescript(
                "ALTER TABLE accepted DROP COLUMN columns; ALTER TABLE identity DROP COLUMN column_key;"
                "DROP TABLE column_layouts; DROP TABLE gone;"
            )
    with open_journal(place, write=False) as journal:
        assert changed(journal, "a") is None
        assert list(journal.accepted_keys(ORIGIN, CONNECTION)) == ["a"]
        assert journal.gone(run) == ()
    with open_journal(place) as journal:
        assert journal.find_records(ORIGIN, CONNECTION, ["a"])["a"].content == CONTENT
        assert changed(journal, "a") is None
        journal.keep_gone(run, ["a"])
        assert journal.gone(run) == ("a",)


def test_accepted_keys_are_all_of_which_opus_has_a_version_in_their_order(place: JournalPlace) -> None:
    with open_journal(place) as journal:
        first, other = run_of(journal), run_of(journal, "other")
        for run, keys in ((first, ["b", "é", "", "a", "B", "failed later"]), (other, ["z"])):
            begin(journal, run, [Item(2, key, b"c") for key in keys], NOW)
            finish(journal, run, [Result(key, State.ACCEPTED) for key in keys])
        late = ["a\0", "failed", "failed later", "in flight"]
        begin(journal, first, [Item(2, key, b"d") for key in late], NOW)
        finish(journal, first, [Result("a\0", State.ACCEPTED, "", NOW)])
        finish(journal, first, [Result(key, State.FAILED) for key in late[1:3]])
        assert list(journal.accepted_keys(ORIGIN, CONNECTION)) == sorted(
            ["b", "é", "", "a", "B", "failed later", "a\0"]
        )
        assert list(journal.accepted_keys(ORIGIN, "unknown")) == []


def test_pruning_forgets_who_was_gone_in_old_runs_and_who_was_of_old_runs(place: JournalPlace) -> None:
    with open_journal(place) as journal:
        old = run_of(journal)
        begin(journal, old, [Item(2, key, b"c") for key in ("a", "b")], NOW)
        finish(journal, old, [Result(key, State.ACCEPTED) for key in ("a", "b")])
        journal.finish_run(old, ending="done", counts={})
        new = run_of(journal)
        begin(journal, new, [Item(2, "b", b"d")], NOW)
        finish(journal, new, [Result("b", State.ACCEPTED)])
        journal.keep_gone(old, ["b"])
        journal.keep_gone(new, ["a", "b"])
        journal.finish_run(new, ending="done", counts={})
        assert journal.gone(new) == ("a", "b")
        journal.prune(9e10, {old.id})
        assert (journal.gone(old), journal.gone(new)) == ((), ("b",))
