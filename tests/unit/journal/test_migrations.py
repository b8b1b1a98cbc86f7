"""A journal of an older version opens with all that it knew, and in the same tables as a new one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from opusmap.errors import JournalError
from opusmap.journal import Journal, JournalRecord, State, Timestamp
from opusmap.journal.migrations import APPLICATION_ID, MIGRATIONS, VERSION

VERSION_1 = f"""
{MIGRATIONS[0]}
INSERT INTO targets VALUES (1, 'https://opus.example.com', 'c-1');
INSERT INTO runs VALUES (7, 1, 'm.yaml', 100.0, 200.0, 'done', '{{"submitted": 1}}');
INSERT INTO records VALUES
    (1, 'a', 7, 2, x'aa', 'taken', '', 110.0, 111.0),
    (1, 'b', 7, 3, x'bb', 'failed', 'no such term', 120.0, 121.0),
    (1, 'c', 7, 4, x'cc', 'uncertain', 'timeout', 130.0, 190.0),
    (1, 'd', 7, 5, x'dd', 'intended', '', 140.0, NULL);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = 1;
"""


def write(path: Path, script: str) -> None:
    database = sqlite3.connect(path)
    database.executescript(script)
    database.close()


def schema(path: Path) -> list[str]:
    database = sqlite3.connect(path)
    found = [
        row[0] for row in database.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY 1")
    ]
    assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
    database.close()
    return found


def test_a_file_of_version_1_is_brought_up_to_date_with_all_it_knew(tmp_path: Path) -> None:
    write(tmp_path / "old.db", VERSION_1)
    with Journal.open(tmp_path / "old.db") as journal:
        (run,) = journal.runs()
        assert (run.id, run.ending, run.counts) == (7, "done", {"submitted": 1})
        assert list(journal.records(run)) == [
            JournalRecord(7, 2, "a", b"\xaa", State.ACCEPTED),
            JournalRecord(7, 3, "b", b"\xbb", State.FAILED, "no such term"),
            JournalRecord(7, 4, "c", b"\xcc", State.UNCERTAIN, "timeout", Timestamp(190.0, 0.0)),
            JournalRecord(7, 5, "d", b"\xdd", State.PENDING, "", Timestamp(140.0, 0.0)),
        ]
    Journal.open(tmp_path / "new.db").close()
    assert schema(tmp_path / "old.db") == schema(tmp_path / "new.db")


def test_a_report_leaves_an_older_file_as_it_is_and_says_what_brings_it_up_to_date(tmp_path: Path) -> None:
    write(tmp_path / "old.db", VERSION_1)
    before = (tmp_path / "old.db").read_bytes()
    with pytest.raises(JournalError) as caught:
        Journal.open(tmp_path / "old.db", write=False)
    assert "version 1" in caught.value.problem
    assert "submit" in caught.value.help
    assert (tmp_path / "old.db").read_bytes() == before


@pytest.mark.parametrize("step", range(VERSION))
def test_a_step_that_breaks_off_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    broken = [*MIGRATIONS[:step], MIGRATIONS[step] + "SELECT no_such_function();"]
    with monkeypatch.context() as patch:
        patch.setattr("opusmap.journal.migrations.MIGRATIONS", broken)
        with pytest.raises(JournalError):
            Journal.open(tmp_path / "j.db")
    database = sqlite3.connect(tmp_path / "j.db")
    assert database.execute("PRAGMA user_version").fetchone() == (step,)
    database.close()
    Journal.open(tmp_path / "j.db").close()
    assert schema(tmp_path / "j.db")
