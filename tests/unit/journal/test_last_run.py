"""What is kept beside a mapping tells one journal from another, and a file as written from an edited one."""

import asyncio
import json
from dataclasses import replace
from itertools import count

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import record_run

from opusmap.journal import SqliteJournal, open_journal
from opusmap.journal.last_run import LastRun
from opusmap.output_files import hash_file
from opusmap.run.open import Work, open_work
from opusmap.run.rehearsal import embedded_opus
from opusmap.run.submit import SubmitOptions, submit_stream
from opusmap.sources import from_rows

ORIGIN, CONNECTION = "https://opus.example.com", "c-1"
SECONDS = count()


@pytest.fixture
def mapping(tmp_path):
    return tmp_path / "mapping.yaml"


def go(path, mapping, *, end=True):
    """Run with a journal; return what was doubted."""
    last_run = LastRun(mapping)
    with SqliteJournal(path, clock=lambda: float(next(SECONDS))) as journal:
        doubt = last_run.explain_distrust(journal, str(path), ORIGIN, CONNECTION)
        run = journal.start_run(origin=ORIGIN, connection=CONNECTION, mapping="m", distrust=bool(doubt))
        assert last_run.note_start(journal.identity(), run) == ""
        if end:
            run = journal.finish_run(run, ending="done", counts={})
            assert last_run.note_end(journal.identity(), run) == ""
    return doubt


def test_the_same_journal_is_trusted_also_after_a_killed_run(tmp_path, mapping):
    assert go(tmp_path / "j.db", mapping) == ""
    assert go(tmp_path / "j.db", mapping, end=False) == ""
    assert go(tmp_path / "j.db", mapping) == ""


@pytest.mark.parametrize("first", ["old.name.yaml", "other.yaml"])
def test_an_older_journal_is_told_though_the_last_run_was_of_a_mapping_beside(tmp_path, mapping, first):
    go(tmp_path / "j.db", mapping)
    older = (tmp_path / "j.db").read_bytes()
    go(tmp_path / "j.db", tmp_path / first)
    (tmp_path / "j.db").write_bytes(older)
    assert first in go(tmp_path / "j.db", mapping)
    assert go(tmp_path / "j.db", mapping) == ""  # once is enough
    assert go(tmp_path / "j.db", tmp_path / first) == ""


@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["run", "back up", "restore"]), st.sampled_from("ab")), max_size=12
    )
)
def test_a_journal_is_doubted_exactly_if_it_does_not_hold_the_last_run(tmp_path_factory, moves):
    folder = tmp_path_factory.mktemp("moves")
    last, saved = None, None  # what each journal holds, by its last run
    held = {"a": 0, "b": 0}
    for number, (move, name) in enumerate(moves, 1):
        path = folder / f"{name}.db"
        if move == "run":
            doubted = go(path, folder / "mapping.yaml") != ""
            assert doubted is (last is not None and last != (name, held[name]))
            held[name], last = number, (name, number)
        elif move == "back up" and path.exists():
            saved = name, held[name], path.read_bytes()
        elif move == "restore" and saved is not None:
            back, held[back], data = saved
            (folder / f"{back}.db").write_bytes(data)


def test_runs_at_the_same_time_with_two_journals_are_told_by_both_the_next_time(tmp_path, mapping):
    one, other = LastRun(mapping), LastRun(mapping)
    with open_journal(tmp_path / "a.db") as a, open_journal(tmp_path / "b.db") as b:
        place = {"origin": ORIGIN, "connection": CONNECTION, "mapping": "m"}
        first, second = a.start_run(**place), b.start_run(**place)
        one.note_start(a.identity(), first)
        other.note_start(b.identity(), second)
        ended = a.finish_run(first, ending="done", counts={})
        assert "used another journal at the same time" in one.note_end(a.identity(), ended)
        other.note_end(b.identity(), b.finish_run(second, ending="done", counts={}))
        for journal in (a, b):
            assert "at the same time" in one.explain_distrust(journal, "j", ORIGIN, CONNECTION)


def test_connections_and_origins_are_kept_apart(tmp_path, mapping):
    go(tmp_path / "j.db", mapping)
    with open_journal(tmp_path / "other.db") as journal:
        assert LastRun(mapping).explain_distrust(journal, "j", ORIGIN, "c-2") == ""
        assert LastRun(mapping).explain_distrust(journal, "j", "https://other.example.com", CONNECTION) == ""
        assert "is new" in LastRun(mapping).explain_distrust(journal, "j", ORIGIN, CONNECTION)


def test_a_file_of_rejects_is_known_until_a_byte_of_it_changes(tmp_path, mapping):
    file = tmp_path / "mapping.rejects.csv"
    last_run = LastRun(mapping)
    file.write_bytes(b"a;b\r\n")
    assert not last_run.is_as_written(file)
    last_run.note_rejects(file, hash_file("rejects", file).sha256)
    assert last_run.is_as_written(file)
    assert json.loads(LastRun(mapping).path.read_text())["rejects"].keys() == {"mapping.rejects.csv"}
    for changed in (b"a,b\r\n", b"a;b\n", b"\xef\xbb\xbfa;b\r\n", b""):
        file.write_bytes(changed)
        assert not last_run.is_as_written(file)
    file.write_bytes(b"a;b\r\n")
    (tmp_path / "link.csv").symlink_to(file)
    assert not last_run.is_as_written(tmp_path / "link.csv")
    file.rename(tmp_path / "other.csv")
    last_run.note_rejects(tmp_path / "other.csv", "0")
    assert json.loads(LastRun(mapping).path.read_text())["rejects"] == {"other.csv": "0"}


def test_the_library_is_told_as_the_command_line_is(tmp_path):
    recorded = record_run(tmp_path, rows=20)
    assert LastRun(tmp_path / "mapping.yaml").path.exists()
    recorded.journal.unlink()
    for left in tmp_path.glob("opusmap-journal.db-*"):
        left.unlink()
    work = open_work(tmp_path / "mapping.yaml")
    emulator, settings = embedded_opus(work.mapper)

    async def read():
        options = SubmitOptions(httpx.ASGITransport(emulator))
        none = Work(work.mapper, from_rows([]))
        reports = submit_stream(none, replace(settings, journal=recorded.journal), options)
        return [report async for report in reports]

    with work.source:
        first, *_, last = asyncio.run(read())
    assert "is new, and the last run of" in first.journal_note == last.journal_note
    assert first.run == last.run == 1
