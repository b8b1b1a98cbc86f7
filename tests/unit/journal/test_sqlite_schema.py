"""A journal of the version before is upgraded in one step, with all that can be known; older are refused."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from journal_steps import look_up
from simulation.disk import Disk, DiskStorage

from opusmap.delivery import ResumePolicy
from opusmap.errors import JournalError
from opusmap.journal import Item, JournalRecord, SqliteJournal, State, Timestamp, open_journal
from opusmap.journal.sqlite_schema import VERSION, prepare_schema

VERSION_4 = """
CREATE TABLE targets (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, connection TEXT NOT NULL,
    trusted_from INTEGER NOT NULL DEFAULT 0, UNIQUE (origin, connection)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL REFERENCES targets, mapping TEXT NOT NULL,
    started REAL NOT NULL, finished REAL, ending TEXT NOT NULL DEFAULT '', counts TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE taken (
    target INTEGER NOT NULL, key TEXT NOT NULL, content BLOB NOT NULL, run INTEGER NOT NULL,
    row INTEGER NOT NULL, PRIMARY KEY (target, key)
) WITHOUT ROWID;
CREATE TABLE noted (
    target INTEGER NOT NULL, key TEXT NOT NULL, content BLOB NOT NULL, run INTEGER NOT NULL,
    row INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, sent REAL, ticks REAL,
    PRIMARY KEY (target, key)
) WITHOUT ROWID;
CREATE TABLE flights (
    id INTEGER PRIMARY KEY, target INTEGER NOT NULL, run INTEGER NOT NULL, sent REAL NOT NULL,
    ticks REAL NOT NULL, entries BLOB NOT NULL
);
CREATE TABLE evidence (run INTEGER PRIMARY KEY REFERENCES runs, content BLOB NOT NULL);
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES ('00112233445566778899aabbccddeeff');
INSERT INTO targets VALUES (1, 'https://o', 'c-1', 0), (2, 'https://o', 'c-2', 0), (3, 'https://o', 'c-3', 0);
INSERT INTO runs VALUES (7, 1, 'm.yaml', 100.0, 200.0, 'done', '{"submitted": 1}');
INSERT INTO runs VALUES (8, 2, 'n.yaml', 300.0, NULL, '', '{}'), (9, 3, 'o.yaml', 400.0, NULL, '', '{}');
INSERT INTO taken VALUES (1, 'a', x'aa', 7, 2);
INSERT INTO noted VALUES (1, 'b', x'bb', 7, 3, 'failed', 'no such term', NULL, NULL),
    (1, 'c', x'cc', 7, 4, 'uncertain', 'timeout', 190.0, 19.0),
    (2, 'd', x'dd', 8, 5, 'taken', '', 310.0, 31.0), (2, 'e', x'ee', 8, 6, 'intended', '', 320.0, 32.0);
INSERT INTO flights VALUES (1, 2, 8, 330.0, 33.0, x'919307a166c402ffff'); -- [[7, 'f', ff ff]]
INSERT INTO evidence VALUES (7, x'789cab564acd2d28a954b252507252d056084ecc4d55aa050046ef063d');
PRAGMA application_id = 0x4F707573;
PRAGMA user_version = 4;
"""


def write(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        names = [name for (name,) in database.execute(query).fetchall()]
        return {name: database.execute(f"PRAGMA table_info({name})").fetchall() for name in names}


def read(path: Path) -> list[list[tuple[object, ...]]]:
    """Return all rows of a file, as they are; but for the journal's key, which is random."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        names = [name for (name,) in database.execute(query).fetchall()]
        all_of = {name: "id" if name == "identity" else "*" for name in names}
        return [database.execute(f"SELECT '{name}', {all_of[name]} FROM {name}").fetchall() for name in names]


def open_at(path: Path, now: float = 500.0) -> SqliteJournal:
    return SqliteJournal(path, clock=lambda: now, ticks=lambda: now / 10)


def test_the_version_before_is_upgraded_with_its_runs_evidence_and_open_records(tmp_path: Path) -> None:
    write(tmp_path / "old.db", VERSION_4)
    with open_at(tmp_path / "old.db") as journal:
        assert journal.identity() == "00112233445566778899aabbccddeeff"
        third, second, first = journal.runs()
        assert (first.id, first.ending, first.counts) == (7, "done", {"submitted": 1})
        assert journal.evidence(first) == {"empty": "B + Same"}
        assert (second.id, second.finished, third.id) == (8, None, 9)
        assert list(journal.records(first)) == [
            JournalRecord(7, 2, "a", b"\xaa", State.ACCEPTED),
            JournalRecord(7, 3, "b", b"\xbb", State.FAILED, "no such term"),
            JournalRecord(7, 4, "c", b"\xcc", State.UNCERTAIN, "timeout", Timestamp(190.0, 19.0)),
        ]
        assert list(journal.records(second)) == [
            JournalRecord(8, 5, "d", b"\xdd", State.ACCEPTED, "", Timestamp(310.0, 31.0)),
            JournalRecord(8, 6, "e", b"\xee", State.PENDING, "", Timestamp(320.0, 32.0)),
            JournalRecord(8, 7, "f", b"\xff\xff", State.PENDING, "", Timestamp(500.0, 50.0)),
        ]
    open_journal(tmp_path / "new.db").close()
    assert columns(tmp_path / "old.db") == columns(tmp_path / "new.db")


def test_what_an_older_version_hashed_is_sent_again_until_a_run_is_done(tmp_path: Path) -> None:
    write(tmp_path / "old.db", VERSION_4)
    resume = ResumePolicy()
    with open_at(tmp_path / "old.db") as journal:
        run = journal.start_run(origin="https://o", connection="c-1", mapping="m.yaml")
        assert run.older_hash
        known = look_up(journal, run, ["a", "c"])
        same = Item(2, "a", b"\xaa")
        assert not resume.is_unchanged(same, known["a"], run.trusted_from)
        now = Timestamp(191.0, 20.0)
        assert resume.count_wait(Item(4, "c", b"other"), known["c"], now) == 29.0
        journal.finish_run(run, ending="stopped", counts={})
        again = journal.start_run(origin="https://o", connection="c-1", mapping="m.yaml")
        assert again.older_hash
        journal.finish_run(again, ending="done", counts={}, whole=False)
        again = journal.start_run(origin="https://o", connection="c-1", mapping="m.yaml")
        assert again.older_hash, "a first few records have been sent, the others have not"
        journal.finish_run(again, ending="done", counts={})
        assert not journal.start_run(origin="https://o", connection="c-1", mapping="m.yaml").older_hash
        assert journal.start_run(origin="https://o", connection="c-2", mapping="n.yaml").older_hash


def test_a_connection_of_which_nothing_was_accepted_and_a_new_one_have_no_older_hashes(
    tmp_path: Path,
) -> None:
    write(tmp_path / "old.db", VERSION_4)
    with open_at(tmp_path / "old.db") as journal:
        for connection in ("c-3", "c-4"):
            run = journal.start_run(origin="https://o", connection=connection, mapping="m.yaml")
            assert not run.older_hash


def test_a_report_leaves_the_version_before_as_it_is_and_says_what_upgrades_it(tmp_path: Path) -> None:
    write(tmp_path / "old.db", VERSION_4)
    before = (tmp_path / "old.db").read_bytes()
    with pytest.raises(JournalError) as caught:
        open_journal(tmp_path / "old.db", write=False)
    assert "version 4" in caught.value.problem
    assert "submit" in caught.value.help
    assert (tmp_path / "old.db").read_bytes() == before


@pytest.mark.parametrize("write_it", [True, False])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_older_version_is_refused_unchanged_with_both_ways_out(
    tmp_path: Path, version: int, *, write_it: bool
) -> None:
    write(tmp_path / "old.db", VERSION_4 + f"PRAGMA user_version = {version};")
    before = (tmp_path / "old.db").read_bytes()
    with pytest.raises(JournalError) as caught:
        open_journal(tmp_path / "old.db", write=write_it)
    assert f"version {version}" in caught.value.problem
    assert "the version of opusmap that wrote it" in caught.value.help
    assert "new file in OPUSMAP_JOURNAL" in caught.value.help
    assert (tmp_path / "old.db").read_bytes() == before


def test_a_power_loss_amid_the_upgrade_leaves_the_journal_before_or_the_one_after(tmp_path: Path) -> None:
    path, upgraded = tmp_path / "j.db", tmp_path / "upgraded.db"
    write(path, VERSION_4)
    write(upgraded, VERSION_4)
    with closing(sqlite3.connect(upgraded, isolation_level=None)) as database:
        prepare_schema(database)
    old, before = path.read_bytes(), read(path)
    open_at(path).close()
    after, seen = read(path), list[int]()
    states = [before, read(upgraded), after]  # what a killed run had in flight is made pending after that
    lost = True
    while lost:
        for file in tmp_path.glob("j.db*"):
            file.unlink()
        path.write_bytes(old)
        disk = Disk(random.Random(len(seen)))
        disk.fails_at = len(seen) + 1
        storage = DiskStorage(disk)
        SqliteJournal(path, clock=lambda: 500.0, ticks=lambda: 50.0, storage=storage).close()
        lost, image = disk.image is not None, disk.image or disk.cut()
        disk.close()
        image.restore()
        seen.append(states.index(read(path)))
        open_at(path).close()
        assert read(path) == after
    assert set(seen) == {0, 1, 2}
