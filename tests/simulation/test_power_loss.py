"""Power losses: what was not synced may be missing, and still no record is lost."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_steps import begin, finish
from simulation import Variant, tell_story
from simulation.disk import Disk, DiskStorage

from opusmap.journal import Item, Journal, Result, SqliteJournal, State, Timestamp, open_journal
from opusmap.journal.group_commit import run_inline
from opusmap.journal.journal_file import LONG

STATES = (State.ACCEPTED, State.FAILED, State.UNCERTAIN)
Known = dict[str, tuple[State, bytes]]


@pytest.mark.parametrize("pragma", ["", "wal_autocheckpoint = 3"], ids=["as it is", "with many checkpoints"])
def test_a_run_goes_on_after_the_power_was_lost(pragma: str, tmp_path: Path) -> None:
    lost = 0
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        lost += tell_story(seed, folder, Variant(power_loss=True, pragma=pragma)).kills
    assert lost > 30


def work(journal: Journal, draw: random.Random, commits: int) -> Iterator[Known]:
    """Do so many things to a journal; yield what must be known after each, once it is durable."""
    run = journal.start_run(origin="o", connection="c", mapping="m")
    known, in_flight = dict[str, tuple[State, bytes]](), list[Item]()
    for number in range(commits):
        if in_flight and draw.random() < 0.6:
            results = [(each, draw.choice(STATES)) for each in in_flight]
            finish(journal, run, [Result(each.key, state) for each, state in results])
            known = known | {each.key: (state, each.content) for each, state in results}
            in_flight = []
        else:
            items = [Item(2, f"k{draw.randrange(60)}", b"%d" % number) for _ in range(15)]
            fresh = list({each.key: each for each in items}.values())
            begin(journal, run, fresh, Timestamp(1.0, 1.0))
            kept = {each.key for each in in_flight} - {each.key for each in fresh}
            in_flight = [each for each in in_flight if each.key in kept] + fresh
        yield known | {each.key: (State.PENDING, each.content) for each in in_flight}


def read(journal: Journal) -> Known:
    return {each.key: (each.state, each.content) for run in journal.runs() for each in journal.records(run)}


class NotSyncing(SqliteJournal):
    """Takes what was written for safe."""

    def sync(self) -> None:
        pass


def survive(
    seed: int, path: Path, *, pragma: str = "", long: int = LONG, kind: type[SqliteJournal] = SqliteJournal
) -> tuple[Known, list[Known]]:
    """Lose the power somewhere in the work; return what is known after, and what may be."""
    draw = random.Random(seed)
    disk, after, returned = Disk(draw), list[Known]([{}]), list[int]()
    storage = DiskStorage(disk, pragma=pragma, long=long)
    journal = kind(path, storage=storage, sync_executor=run_inline)
    disk.fails_at = disk.acts + draw.randint(1, 250)
    disk.on_failure = lambda: returned.append(len(after) - 1)
    after.extend(work(journal, draw, 40))
    image = disk.image or disk.cut()
    journal.close()
    image.restore()
    disk.close()
    with open_journal(path) as again:
        # What was being committed just then may be there, or not.
        done = returned[0] if returned else 40
        return read(again), after[done : done + 2]


@pytest.mark.parametrize("pragma", ["", "wal_autocheckpoint = 2", "wal_autocheckpoint = 20"])
@pytest.mark.parametrize("long", [LONG, 30], ids=["as long as it is", "with a short log"])
def test_every_commit_that_returned_before_the_power_was_lost_is_there_after(
    pragma: str, long: int, tmp_path: Path
) -> None:
    for seed in range(20):
        found, allowed = survive(seed, tmp_path / f"{seed}.db", pragma=pragma, long=long)
        assert found in allowed


def test_a_journal_that_does_not_sync_each_commit_is_found_out(tmp_path: Path) -> None:
    held = [survive(seed, tmp_path / f"{seed}.db", kind=NotSyncing) for seed in range(20)]
    assert not all(found in allowed for found, allowed in held)


@given(st.data())
def test_a_journal_cut_at_any_byte_holds_the_commits_before_and_no_part_of_another(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path, log = folder / "j.db", folder / "j.db-wal"
    draw = random.Random(data.draw(st.integers(0, 1 << 32)))
    after, sizes = list[Known]([{}]), list[int]()
    with open_journal(path) as journal:
        # What stands in the file itself was synced long before; the log alone is cut.
        with closing(sqlite3.connect(path)) as other:
            busy, _, left = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert (busy, left) == (0, 0)
        for known in work(journal, draw, 12):
            after.append(known)
            sizes.append(log.stat().st_size)
        file, whole = path.read_bytes(), log.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(file)
    log.write_bytes(whole[:cut])
    with open_journal(path) as again:
        assert read(again) == after[sum(size <= cut for size in sizes)]
