"""The journal's file: who may open it, what it keeps, and how it says no."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from journal_steps import begin, cancel, count_states, finish, look_up

from opusmap.errors import JournalError
from opusmap.journal import (
    Item,
    Journal,
    JournalRecord,
    Result,
    Run,
    SqliteJournal,
    State,
    Timestamp,
    hash_content,
    open_journal,
)
from opusmap.journal.journal_file import Log, Storage

NOW, EARLIER = Timestamp(2000.0, 20.0), Timestamp(1990.0, 10.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with SqliteJournal(tmp_path / "j.db", clock=Clock()) as opened:
        yield opened


def start(journal: Journal, origin: str = "https://opus.example.com") -> Run:
    return journal.start_run(origin=origin, connection="c-1", mapping="m.yaml")


def entries(*keys: str) -> list[Item]:
    return [Item(row, key, b"h") for row, key in enumerate(keys, 2)]


def test_a_record_goes_from_pending_to_its_result(journal: Journal) -> None:
    run = start(journal)
    begin(journal, run, entries("a", "b", "c", "d"), NOW)
    finish(
        journal,
        run,
        [
            Result("a", State.ACCEPTED),
            Result("b", State.FAILED, "no"),
            Result("c", State.UNCERTAIN, "", EARLIER),
        ],
    )
    assert list(journal.records(run)) == [
        JournalRecord(run.id, 2, "a", b"h", State.ACCEPTED),
        JournalRecord(run.id, 3, "b", b"h", State.FAILED, "no"),
        JournalRecord(run.id, 4, "c", b"h", State.UNCERTAIN, "", EARLIER),
        JournalRecord(run.id, 5, "d", b"h", State.PENDING, "", NOW),
    ]
    assert count_states(journal, run) == dict.fromkeys(State, 1)
    assert [each.key for each in journal.records(run, State.FAILED, State.PENDING)] == ["b", "d"]


def test_a_later_run_takes_over_what_it_finishes_and_only_for_the_same_service(journal: Journal) -> None:
    first, other = start(journal), start(journal, "http://127.0.0.1:8000")
    for run in (first, other):
        begin(journal, run, entries("a", "b"), NOW)
        finish(journal, run, [Result("a", State.FAILED, "no"), Result("b", State.ACCEPTED)])
    second = start(journal)
    begin(journal, second, entries("a"), NOW)
    assert [each.key for each in journal.records(first)] == ["a", "b"]
    assert [(each.key, each.state) for each in journal.records(second)] == [("a", State.PENDING)]
    finish(journal, second, [Result("a", State.ACCEPTED)])
    assert [each.key for each in journal.records(first)] == ["b"]
    assert [(each.key, each.state) for each in journal.records(second)] == [("a", State.ACCEPTED)]
    assert [each.state for each in journal.records(other)] == [State.FAILED, State.ACCEPTED]


def test_runs_are_listed_with_their_counts_latest_first(journal: Journal) -> None:
    first, second = start(journal), start(journal)
    journal.finish_run(first, ending="done", counts={"submitted": 3})
    listed = journal.runs()
    assert [(run.id, run.ending, run.counts) for run in listed] == [
        (second.id, "", {}),
        (first.id, "done", {"submitted": 3}),
    ]
    assert listed[0] == second
    assert listed[1].finished is not None


def test_what_is_not_in_flight_can_not_be_finished_and_nothing_else_is_then(journal: Journal) -> None:
    run = start(journal)
    begin(journal, run, entries("a"), NOW)
    for wrong in ("b", "a"):  # never intended; twice
        with pytest.raises(ValueError, match="not in flight"):
            finish(journal, run, [Result("a", State.ACCEPTED), Result(wrong, State.ACCEPTED)])
    assert count_states(journal, run)[State.PENDING] == 1
    finish(journal, run, [Result("a", State.ACCEPTED)])


def test_a_reader_sees_what_a_writer_committed_and_can_not_write(tmp_path: Path, journal: Journal) -> None:
    run = start(journal)
    with open_journal(tmp_path / "j.db", write=False) as reader:
        begin(journal, run, entries("a"), NOW)
        assert count_states(reader, run)[State.PENDING] == 1
        with pytest.raises(JournalError):
            start(reader)
    finish(journal, run, [Result("a", State.ACCEPTED)])


def test_there_is_one_writer_until_it_closes(tmp_path: Path) -> None:
    first = open_journal(tmp_path / "j.db")
    with pytest.raises(JournalError) as caught:
        open_journal(tmp_path / "j.db")
    assert "another run" in caught.value.problem
    first.close()
    open_journal(tmp_path / "j.db").close()


def test_a_killed_writer_leaves_its_intents_and_no_lock(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, sys; from opusmap.journal import *\n"
        "async def main():\n"
        "    journal = open_journal(sys.argv[1])\n"
        "    run = journal.start_run(origin='o', connection='c', mapping='m')\n"
        "    async with journal.session(run) as session:\n"
        "        await session.begin([Item(2, 'a', b'h')], Timestamp(7.0, 7.0))\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "j.db")], check=False)
    with SqliteJournal(tmp_path / "j.db", clock=lambda: 99.0, ticks=lambda: 9.0) as journal:
        (run,) = journal.runs()
        assert run.finished is None
        # When their request left is not known: any time after the intent, until the process was killed.
        assert list(journal.records(run)) == [
            JournalRecord(run.id, 2, "a", b"h", State.PENDING, "", Timestamp(99.0, 9.0))
        ]


def test_what_is_known_of_records_is_found_whichever_run_sent_them(journal: Journal) -> None:
    first, other = start(journal), start(journal, "http://127.0.0.1:8000")
    for run in (first, other):
        begin(journal, run, entries("a", "b", "c", "d"), NOW)
    finish(
        journal,
        first,
        [
            Result("a", State.ACCEPTED),
            Result("b", State.UNCERTAIN, "lost", NOW),
            Result("c", State.ACCEPTED, "", EARLIER),
        ],
    )
    second = start(journal)
    assert look_up(journal, second, ["a", "b", "c", "d", "e"]) == {
        "a": JournalRecord(first.id, 2, "a", b"h", State.ACCEPTED),
        "b": JournalRecord(first.id, 3, "b", b"h", State.UNCERTAIN, "lost", NOW),
        "c": JournalRecord(first.id, 4, "c", b"h", State.ACCEPTED, "", EARLIER),
        "d": JournalRecord(first.id, 5, "d", b"h", State.PENDING),
    }
    assert look_up(journal, second, []) == {}


def test_a_cancelled_intent_leaves_what_was_known_before(journal: Journal) -> None:
    first, second = start(journal), start(journal)
    begin(journal, first, entries("a", "b"), EARLIER)
    finish(journal, first, [Result("a", State.ACCEPTED), Result("b", State.UNCERTAIN, "lost", EARLIER)])
    known = look_up(journal, first, ["a", "b", "c"])
    begin(journal, second, [Item(9, key, b"other") for key in "abc"], NOW)
    cancel(journal, second, ["a", "b", "c"])
    assert look_up(journal, first, ["a", "b", "c"]) == known
    assert list(journal.records(second)) == []
    with pytest.raises(ValueError, match="not in flight"):
        cancel(journal, second, ["a"])


def test_a_request_that_is_sent_again_is_pending_from_the_later_time_and_its_parts_apart(
    tmp_path: Path, journal: Journal
) -> None:
    run = start(journal)
    begin(journal, run, entries("a", "b", "c"), EARLIER)
    begin(journal, run, entries("a", "b", "c")[:2], NOW)
    with open_journal(tmp_path / "j.db", write=False) as reader:
        assert {each.key: each.unanswered for each in reader.records(run)} == {
            "a": NOW,
            "b": NOW,
            "c": EARLIER,
        }
        begin(journal, run, entries("a", "b", "c")[2:], NOW)
        finish(journal, run, [Result("a", State.ACCEPTED)])
        assert {each.key: each.unanswered for each in reader.records(run)} == {"a": None, "b": NOW, "c": NOW}


def test_what_is_written_at_once_is_one_commit_in_the_order_of_the_calls(
    tmp_path: Path, journal: Journal
) -> None:
    run = start(journal)

    async def main(reader: Journal) -> None:
        async with journal.session(run) as session:
            steps = [
                session.begin(entries("a"), NOW),
                session.finish([Result("a", State.FAILED, "no")]),
                session.begin(entries("a"), NOW),
                session.finish([Result("a", State.ACCEPTED)]),
            ]
            assert count_states(reader, run) == dict.fromkeys(State, 0)
            await steps[0]
            assert count_states(reader, run) == {**dict.fromkeys(State, 0), State.ACCEPTED: 1}
            await asyncio.gather(*steps[1:])

    with open_journal(tmp_path / "j.db", write=False) as reader:
        asyncio.run(main(reader))


def test_every_commit_and_every_run_is_synced_after_it_was_written(tmp_path: Path) -> None:
    path, seen = tmp_path / "j.db", list[int]()
    count = "SELECT (SELECT count(*) FROM runs) + count(*) FROM requests"

    class Watched(Log):
        def flush(self, file: int) -> None:
            super().flush(file)
            with closing(sqlite3.connect(path)) as reader:
                seen.append(reader.execute(count).fetchone()[0])

    class Watching(Storage):
        def make_log(self, name: str) -> Log:
            return Watched(name, self.connect(name))

    with SqliteJournal(path, storage=Watching()) as journal:
        seen.clear()
        run = start(journal)
        assert seen == [1]
        begin(journal, run, entries("a"), NOW)
        assert seen == [1, 2]
        finish(journal, run, [Result("a", State.ACCEPTED)])
        assert seen == [1, 2, 1]
        journal.finish_run(run, ending="done", counts={})
        journal.keep_evidence(run, {})
        assert len(seen) == 5


class WithoutSharedMemory(Storage):
    def connect(self, name: str) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{name}?mode=rw&vfs=unix-none", uri=True, isolation_level=None)


@pytest.mark.skipif(os.name == "nt", reason="SQLite's ways to files of POSIX systems")
def test_a_file_system_without_shared_memory_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(
        JournalError, match="needs shared memory, which its file system does not have"
    ) as caught:
        SqliteJournal(tmp_path / "j.db", storage=WithoutSharedMemory())
    assert "local disk" in caught.value.help


def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    size = []
    with open_journal(tmp_path / "j.db") as journal:
        run = start(journal)
        for number in range(60):
            keys = [f"{number} {index}" for index in range(1000)]
            begin(journal, run, entries(*keys), NOW)
            finish(journal, run, [Result(key, State.ACCEPTED) for key in keys])
            size.append((tmp_path / "j.db-wal").stat().st_size)
    assert size[-1] == size[30] < 4_000_000


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX systems")
def test_its_files_are_the_owners_alone(tmp_path: Path, journal: Journal) -> None:
    start(journal)
    rights = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert rights == dict.fromkeys(("j.db", "j.db-lock", "j.db-wal", "j.db-shm"), 0o600)


def test_a_symbolic_link_a_folder_and_a_missing_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    (tmp_path / "dangling.db").symlink_to(tmp_path / "nothing.db")
    (tmp_path / "locked.db-lock").symlink_to(tmp_path / "nothing.db")
    (tmp_path / "folder").mkdir()
    for name in ("link.db", "dangling.db", "locked.db", "folder", "no/where.db"):
        with pytest.raises(JournalError):
            open_journal(tmp_path / name)
    assert (tmp_path / "real.db").stat().st_size == 0
    assert not (tmp_path / "nothing.db").exists()


def test_a_report_makes_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        open_journal(tmp_path / "j.db", write=False)
    assert not list(tmp_path.iterdir())


def test_a_foreign_file_and_another_version_are_refused_unchanged(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("rowKey,leafName\n" * 100)
    foreign = sqlite3.connect(tmp_path / "foreign.db")
    foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    open_journal(tmp_path / "newer.db").close()
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    for name, word in (
        ("text.db", "can't be used"),
        ("foreign.db", "not a journal"),
        ("newer.db", "version 99"),
    ):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(JournalError) as caught:
            open_journal(tmp_path / name)
        assert word in caught.value.problem
        assert (tmp_path / name).read_bytes() == before


def test_a_rehearsal_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_journal(":memory:") as journal:
        run = start(journal)
        begin(journal, run, entries("a"), NOW)
        assert count_states(journal, run)[State.PENDING] == 1
    assert not list(tmp_path.iterdir())


def test_the_content_hash_tells_what_is_sent_and_the_option_apart() -> None:
    known = hash_content(b'{"a":"1"}', "overwrite")
    others = [hash_content(b'{"a":1}', "overwrite"), hash_content(b'{"a":"1"}', "skip")]
    assert hash_content(bytes(bytearray(b'{"a":"1"}')), "overwrite") == known
    assert len({known, *others}) == 3
    assert len(known) == 16


def test_what_a_run_leaves_for_its_report_is_kept_until_it_leaves_something_else(journal: Journal) -> None:
    first, second = start(journal), start(journal)
    assert journal.evidence(first) == {}
    journal.keep_evidence(first, {"files": ["a"]})
    journal.keep_evidence(first, {"files": ["é", 1, None]})
    assert journal.evidence(first) == {"files": ["é", 1, None]}
    assert journal.evidence(second) == {}


def test_broken_evidence_is_told_as_such(journal: Journal, tmp_path: Path) -> None:
    run = start(journal)
    database = sqlite3.connect(tmp_path / "j.db")
    database.execute("INSERT INTO evidence VALUES (?, x'00')", (run.id,))
    database.commit()
    database.close()
    with pytest.raises(JournalError, match="broken"):
        journal.evidence(run)
