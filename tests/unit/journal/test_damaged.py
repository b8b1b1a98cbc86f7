"""A journal that is damaged in any way is told as such, with the way out; nothing else comes of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_steps import begin, count_states, finish, look_up

from opusmap.errors import JournalError
from opusmap.journal import Item, Result, SqliteJournal, State, Timestamp, journal_file, open_journal
from opusmap.journal.journal_file import Storage

PAGE = 4096
NOW = Timestamp(1000.0, 10.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "j.db"
    with open_journal(path) as journal:
        for number in range(3):
            run = journal.start_run(origin="https://opus.example.com", connection="c", mapping="m.yaml")
            keys = [f"{number}-{each}" for each in range(60)]
            for state in (State.ACCEPTED, State.FAILED, State.UNCERTAIN):
                part = [f"{key}-{state}" for key in keys]
                begin(journal, run, [Item(1, key, key.encode()) for key in part], NOW)
                finish(journal, run, [Result(key, state, "why") for key in part])
            begin(journal, run, [Item(1, "open", b"x")], NOW)
            journal.keep_evidence(run, {"reasons": ["x" * 100]})
            journal.finish_run(run, ending="done", counts={"submitted": 60})
    return path


def refused(look: Callable[[Path], None], path: Path) -> JournalError | None:
    try:
        look(path)
    except JournalError as error:
        return error
    return None


def read_all(path: Path) -> None:
    with open_journal(path, write=False) as journal:
        journal.identity()
        for run in journal.runs():
            journal.evidence(run)
            count_states(journal, run)
            list(journal.records(run))
            look_up(journal, run, ["1-1-taken", "open"])


def write_all(path: Path) -> None:
    with open_journal(path) as journal:
        run = journal.start_run(origin="https://opus.example.com", connection="c", mapping="m.yaml")
        look_up(journal, run, ["1-1-taken", "open"])
        begin(journal, run, [Item(1, "1-1-taken", b"new")], NOW)
        finish(journal, run, [Result("1-1-taken", State.ACCEPTED)])
        journal.finish_run(run, ending="done", counts={})
        journal.prune(5e9)


DAMAGES = st.one_of(
    st.lists(
        st.tuples(st.integers(0, 40 * PAGE), st.binary(min_size=1, max_size=64)), min_size=1, max_size=30
    ),
    st.lists(
        st.tuples(st.integers(0, 40).map(PAGE.__mul__), st.integers(100, PAGE)), min_size=1, max_size=20
    ),
)
"""Places, and what stands there: bytes, or so many drawn by lot."""


@given(damages=DAMAGES, cut=st.integers(0, 3 * PAGE) | st.just(0))
def test_a_damaged_file_is_read_or_refused_with_the_way_out(
    tmp_path_factory: pytest.TempPathFactory, whole: Path, damages: list[tuple[int, bytes | int]], cut: int
) -> None:
    intact = whole.read_bytes()
    data = bytearray(intact[: len(intact) - cut])
    for at, what in damages:
        part = Random(at).randbytes(what) if isinstance(what, int) else what
        start = at % len(data)
        data[start : start + len(part)] = part[: len(data) - start]
    path = tmp_path_factory.mktemp("damaged") / "j.db"
    for look in (read_all, write_all):
        path.write_bytes(data)
        refusal = refused(look, path)
        assert refusal is None or (refusal.path == str(path) and refusal.help)
        for left in path.parent.glob("j.db-*"):
            left.unlink()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE runs SET counts = '[1]'",
        "UPDATE runs SET counts = '{'",
        "UPDATE runs SET counts = x'ff'",
        "UPDATE runs SET started = 'yesterday'",
        "UPDATE runs SET started = 9e99",
        "UPDATE runs SET finished = -9e99",
        "UPDATE runs SET mapping = x'00ff'",
        "UPDATE targets SET connection = x'00ff'",
        "DELETE FROM identity",
        "UPDATE identity SET id = x'00'",
        "UPDATE detailed SET state = 'eaten'",
        "UPDATE evidence SET content = 7",
        "DROP TABLE detailed",
    ],
)
def test_values_that_no_run_wrote_are_told(tmp_path: Path, whole: Path, change: str) -> None:
    (tmp_path / "j.db").write_bytes(whole.read_bytes())
    database = sqlite3.connect(tmp_path / "j.db")
    database.execute(change)
    database.commit()
    database.close()
    with pytest.raises(JournalError):
        read_all(tmp_path / "j.db")


class AtOnce(Storage):
    """Waits for nobody who holds the file."""

    def connect(self, name: str) -> sqlite3.Connection:
        return journal_file.connect(name, timeout=0)


@pytest.mark.parametrize("options", [{}, {"write": False}], ids=["write", "read"])
def test_another_program_that_holds_the_file_is_told(tmp_path: Path, whole: Path, options: dict) -> None:
    (tmp_path / "j.db").write_bytes(whole.read_bytes())
    other = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError) as caught:
        SqliteJournal(tmp_path / "j.db", storage=AtOnce(), **options)
    other.close()
    assert "locked" in caught.value.problem
    assert "close other programs that have the file open" in caught.value.help
