"""Destructions are kept by rowKey and plan, outlive pruning, and are found in each store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from journal_steps import begin, finish
from postgres import Server, execute

from opusmap.errors import JournalError
from opusmap.journal import (
    Destruction,
    DestructionState,
    Item,
    Journal,
    Result,
    State,
    Timestamp,
    open_journal,
)
from opusmap.settings import JournalPlace, PostgresAddress

ORIGIN, CONNECTION = "https://opus.example.com", "c"
KEYS = ["a", "é\0", "'; --", *(f"k{number}" for number in range(600))]


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    if request.param == "file":
        return tmp_path / "j.db"
    server: Server = request.getfixturevalue("postgres")
    return PostgresAddress(server.make_database())


def submit(journal: Journal, connection: str, keys: list[str], state: State = State.ACCEPTED) -> None:
    run = journal.start_run(origin=ORIGIN, connection=connection, mapping="m.yaml")
    begin(journal, run, [Item(row, key, b"content") for row, key in enumerate(keys)], Timestamp(0.0, 0.0))
    finish(journal, run, [Result(key, state) for key in keys])
    journal.finish_run(run, ending="done", counts={"read": len(keys)})


def row(key: str, state: DestructionState = DestructionState.DESTROYED, **more: object) -> Destruction:
    facts = {"plan": "p", "content": b"\0\xff", "at": 1.0, "by": "Ann <ann@x.org>", "answer": "200", **more}
    return Destruction(key=key, state=state, **facts)


def test_a_destruction_replaces_the_one_of_its_plan_alone_and_stays_when_the_runs_are_pruned(
    place: JournalPlace,
) -> None:
    with open_journal(place) as journal:
        submit(journal, CONNECTION, KEYS)
        pending = [row(key, DestructionState.PENDING) for key in KEYS]
        journal.write_destructions(ORIGIN, CONNECTION, pending)
        journal.write_destructions(ORIGIN, CONNECTION, [row("a", at=2.0), row("a", plan="q", at=3.0)])
        assert journal.prune(9e10).records == len(KEYS)
    with open_journal(place, write=False) as journal:
        assert journal.find_records(ORIGIN, CONNECTION, KEYS) == {}
        found = list(journal.destructions(ORIGIN, CONNECTION))
        assert len(found) == len(KEYS) + 1
        assert found[-2:] == [row("a", at=2.0), row("a", plan="q", at=3.0)]
        some = {each.key for each in journal.destructions(ORIGIN, CONNECTION, [*KEYS[1:], "x"])}
        assert some == set(KEYS[1:])
        assert not list(journal.destructions(ORIGIN, "other"))
        assert not list(journal.destructions(ORIGIN, CONNECTION, []))


def read_version(place: JournalPlace) -> int:
    """Return the version that an opusmap looks at before it uses a journal."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as database:
            return int(database.execute("PRAGMA user_version").fetchone()[0])
    return int(execute(place.url, "SELECT version FROM opusmap.journal")[0][0])


def test_an_older_opusmap_which_knows_of_no_tombstones_refuses_a_journal_that_has_one(
    place: JournalPlace,
) -> None:
    with open_journal(place) as journal:
        submit(journal, CONNECTION, ["a"])
        journal.write_destructions(ORIGIN, CONNECTION, [])
    before = read_version(place)
    for rows in ([row("a")], [row("a", at=2.0)]):
        with open_journal(place) as journal:
            journal.write_destructions(ORIGIN, CONNECTION, rows)
            journal.prune(9e10)
        assert read_version(place) == before + 1
    with open_journal(place, write=False) as journal:
        assert [each.key for each in journal.destructions(ORIGIN, CONNECTION)] == ["a"]


def test_only_what_may_be_marked_and_is_not_lifted_is_a_tombstone() -> None:
    assert [row("a", state).is_tombstone for state in DestructionState] == [True, True, False, True]
    assert not row("a", lifted="Ann").is_tombstone


def test_records_and_the_connections_that_know_them_are_found_without_a_run(place: JournalPlace) -> None:
    with open_journal(place) as journal:
        submit(journal, CONNECTION, KEYS)
        submit(journal, "d", ["a", "new"], State.FAILED)
        known = journal.find_records(ORIGIN, CONNECTION, [*KEYS, "new"])
        assert {each.state for each in known.values()} == {State.ACCEPTED}
        assert set(known) == set(KEYS)
        connections = journal.find_connections(ORIGIN, ["a", "new", "k1", "x"])
        assert connections == {"a": {CONNECTION, "d"}, "new": {"d"}, "k1": {CONNECTION}}
        assert journal.find_connections("https://elsewhere", ["a"]) == {}
        run = journal.start_run(origin=ORIGIN, connection=CONNECTION, mapping="m.yaml")
        begin(journal, run, [Item(1, "a", b"content")], Timestamp(0.0, 0.0))
    with open_journal(place) as journal:
        assert journal.find_records(ORIGIN, CONNECTION, ["a"])["a"].state is State.PENDING


def test_the_version_that_opus_accepted_is_found_behind_one_that_it_refused(place: JournalPlace) -> None:
    with open_journal(place) as journal:
        submit(journal, CONNECTION, ["a", "b"])
        submit(journal, CONNECTION, ["a", "new"], State.FAILED)
        assert journal.find_records(ORIGIN, CONNECTION, ["a"])["a"].state is State.FAILED
        found = journal.find_accepted(ORIGIN, CONNECTION, ["a", "b", "new", "x"])
        assert {key: (each.run, each.state) for key, each in found.items()} == {
            "a": (1, State.ACCEPTED),
            "b": (1, State.ACCEPTED),
        }
        assert journal.find_accepted("https://elsewhere", CONNECTION, ["a"]) == {}


def test_a_record_is_forgotten_with_what_is_written(place: JournalPlace) -> None:
    with open_journal(place) as journal:
        submit(journal, CONNECTION, ["a", "b"])
        submit(journal, CONNECTION, ["c"], State.FAILED)
        journal.write_destructions(ORIGIN, CONNECTION, [row("a")], forget=["a", "c", "x"])
        assert set(journal.find_records(ORIGIN, CONNECTION, ["a", "b", "c"])) == {"b"}


def test_nothing_is_destroyed_of_a_connection_that_nothing_was_submitted_to(place: JournalPlace) -> None:
    with open_journal(place) as journal, pytest.raises(JournalError, match="no run that submitted"):
        journal.write_destructions(ORIGIN, CONNECTION, [row("a")])
