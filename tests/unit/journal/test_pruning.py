"""Pruning: old runs forget their records, nothing of them is left in the file, and recent ones stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_steps import begin, finish, look_up

from opusmap.errors import JournalError
from opusmap.journal import Item, Journal, Result, SqliteJournal, State, Timestamp, open_journal

ORIGIN, CONNECTION = "https://opus.example.com", "c"
NOW = Timestamp(0.0, 0.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run_of(journal: Journal, clock: Clock, day: int, keys: dict[str, State], ending: str = "done") -> None:
    clock.now = day * 86400.0
    run = journal.start_run(origin=ORIGIN, connection=CONNECTION, mapping="m.yaml")
    entries = [Item(row, key, b"content of " + key.encode()) for row, key in enumerate(keys, 2)]
    begin(journal, run, entries, NOW)
    settled = {key: state for key, state in keys.items() if state is not State.PENDING}
    finish(journal, run, [Result(key, state, f"reason of {key}") for key, state in settled.items()])
    if ending:
        journal.finish_run(run, ending=ending, counts={"read": len(keys)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    clock = Clock()
    with SqliteJournal(path, clock=clock) as opened:
        keys = {f"old-{state}": state for state in State}
        run_of(
            opened, clock, 1, {"shared": State.ACCEPTED, **keys}, "stopped: a reason that quotes Ann Smith"
        )
        run_of(opened, clock, 2, {"killed": State.PENDING}, "")
        run_of(opened, clock, 8, {"shared": State.ACCEPTED, "new": State.FAILED})
    with open_journal(path) as opened:
        yield opened


def traces(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.glob("j.db*"))


def test_old_runs_forget_their_records_and_keep_their_counts(journal: Journal) -> None:
    pruned = journal.prune(5 * 86400)
    assert (pruned.runs, pruned.records) == ((1, 2), 5)
    new, killed, old = journal.runs()
    assert list(journal.records(old)) == list(journal.records(killed)) == []
    assert (old.ending, old.counts) == ("stopped", {"read": 5, "pruned": 4})
    assert (killed.ending, killed.finished) == ("", None)
    assert (new.ending, new.counts) == ("done", {"read": 2})
    assert {record.key for record in journal.records(new)} == {"shared", "new"}


def test_what_is_forgotten_is_as_if_it_had_never_been_sent(journal: Journal) -> None:
    journal.prune(5 * 86400)
    latest = journal.runs()[0]
    keys = ["shared", "new", "killed", *(f"old-{state}" for state in State)]
    assert {key: record.state for key, record in look_up(journal, latest, keys).items()} == {
        "shared": State.ACCEPTED,
        "new": State.FAILED,
    }


def test_nothing_of_it_is_left_in_any_file(journal: Journal, path: Path) -> None:
    assert b"old-taken" in traces(path)
    journal.prune(5 * 86400)
    left = traces(path)
    for trace in (b"old-", b"Ann Smith", b"killed"):
        assert trace not in left
    assert b"reason of new" in left


def test_pruning_again_finds_nothing(journal: Journal, path: Path) -> None:
    journal.prune(5 * 86400)
    assert journal.prune(5 * 86400).runs == ()
    journal.close()
    with open_journal(path) as opened:
        assert opened.prune(0).runs == ()
        assert opened.prune(1e12).records == 2


def test_a_journal_in_use_is_not_pruned(journal: Journal, path: Path) -> None:
    with pytest.raises(JournalError, match="another run is using the journal"):
        open_journal(path)
