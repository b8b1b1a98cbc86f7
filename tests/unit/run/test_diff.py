"""What a diff says is what the next run does: totals, records, columns that differ; and what is gone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_steps import begin
from postgres import Server

from opusmap.compiler import Mapper, load_mapping
from opusmap.emulator import Fault
from opusmap.emulator.fault_injector import LOST
from opusmap.errors import SettingsError
from opusmap.journal import Destruction, DestructionState, Item, State, Timestamp, open_journal
from opusmap.journal.column_hashes import ColumnHasher
from opusmap.records import Filtered, Mapped, Record
from opusmap.report import Report
from opusmap.run.diff import SourceDiff, find_target
from opusmap.run.differences import CONFLICT, Diff, Kind, describe_notes
from opusmap.run.duplicates import DuplicateFilter
from opusmap.run.open import Work
from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus
from opusmap.run.submit import SubmitOptions, submit_source
from opusmap.settings import JournalPlace, PostgresAddress
from opusmap.sources import from_rows

COLUMNS = {
    "rowKey": "SingleText",
    "leafName": "SingleText",
    "_A": "SingleText",
    "_B": "SingleText",
    "_N": "Number",
}
BINDINGS = ("rowKey: Key", "leafName: Title", "A: A", "N: N")
Row = dict[str, str]
Records = Mapping[str, Mapping[str, Any]]


def row(key: str, **values: str) -> Row:
    return {"Key": key, "Title": "t", "A": "", "N": "1", **values}


class World:
    """A folder with a mapping, a journal, and an Opus."""

    def __init__(self, folder: Path, journal: JournalPlace | None = None) -> None:
        self.folder = folder
        self.journal: JournalPlace = journal or folder / "journal.db"
        connection = {"id": str(uuid4()), "data": [COLUMNS]}  # a journal in a database has many of them
        (folder / "c.json").write_text(json.dumps(connection))

    def mapper(self, bindings: Sequence[str] = BINDINGS, more: str = "") -> Mapper:
        text = "".join(f"  {binding}\n" for binding in bindings)
        path = self.folder / "m.yaml"
        path.write_text(f"opusmap: 1\nconnection: c.json\n{more}fields:\n{text}")
        return load_mapping(path)

    def submit(
        self, rows: Sequence[Row], mapper: Mapper | None = None, lost: int = 0, **options: Any
    ) -> Report:
        """Submit rows; the answers to so many requests are lost, and may take effect until the end."""
        mapper = mapper or self.mapper()
        emulator, settings = embedded_opus(mapper)
        faults = iter([Fault(delivery=LOST)] * lost)
        emulator.faults = lambda request: next(faults, None) if request.keys else None
        work = Work(mapper, from_rows(rows))
        settings = replace(settings, journal=self.journal, late_effect_window=900.0 * lost)
        return submit_source(work, settings, SubmitOptions(EmbeddedTransport(emulator), **options))

    def diff(self, rows: Sequence[Row], mapper: Mapper | None = None, limit: int = 10) -> Diff:
        work = Work(mapper or self.mapper(), from_rows(rows))
        found = SourceDiff(work, self.journal, "http://127.0.0.1", limit=limit)
        for _ in found:
            pass
        return found.result()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def counts(found: Diff) -> dict[str, int]:
    return {kind.value: found.counts[kind] for kind in Kind if found.counts[kind]}


KEYS = st.sampled_from([f"k{number}" for number in range(8)])
ROWS = st.lists(
    st.builds(
        row,
        KEYS,
        A=st.sampled_from(["", "a", "é", "x" * 40]),
        N=st.sampled_from(["1", "2.5", "wrong", ""]),
        Title=st.sampled_from(["t", "u"]),
    ),
    max_size=10,
)
MAPPINGS = st.permutations(BINDINGS).flatmap(
    lambda bindings: st.sampled_from(
        [
            tuple(bindings),
            tuple("B: A" if one == "A: A" else one for one in bindings),
            tuple(one for one in bindings if one != "A: A"),
            (*bindings, "B: Title"),
        ]
    )
)
WHERE = st.sampled_from(["", "where: \"{{ Title != 'u' }}\"\n"])
DUPLICATES = st.sampled_from(["", "duplicates: last\n"])


def records_of(mapper: Mapper, rows: Sequence[Row]) -> dict[str, Mapping[str, Any]]:
    """Return what would be sent of rows, by rowKey, by one map of each row and the rule of duplicates."""
    owners: dict[str, Mapped] = {}
    for mapped in map(mapper.map_row, rows):
        if isinstance(mapped, Record) and mapper.spec.duplicates == "last":
            owners[mapped.key] = mapped
        elif not isinstance(mapped, Filtered) and mapped.key is not None:
            owners.setdefault(mapped.key, mapped)
    return {key: one.values for key, one in owners.items() if isinstance(one, Record)}


_ANY = given(
    first=ROWS, then=ROWS, mappings=st.tuples(MAPPINGS, MAPPINGS), where=WHERE, duplicates=DUPLICATES
)
_FEWER = settings(max_examples=max(10, settings().max_examples // 10))  # a commit there takes long


@_ANY
def test_a_diff_predicts_the_next_run_and_afterwards_all_is_unchanged(**drawn: Any) -> None:
    assert_predicted(None, **drawn)


@_FEWER
@_ANY
def test_a_diff_with_a_journal_in_a_database_predicts_the_next_run(database: str, **drawn: Any) -> None:
    assert_predicted(PostgresAddress(database), **drawn)


@pytest.fixture(scope="module")
def database(postgres: Server) -> str:
    return postgres.make_database()


def assert_predicted(
    journal: JournalPlace | None,
    first: list[Row],
    then: list[Row],
    mappings: tuple[Any, Any],
    where: str,
    duplicates: str,
) -> None:
    """Assert that a diff says what the next run does, and that nothing is left to be sent then."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), journal)
        before = world.mapper(mappings[0], duplicates)
        old = records_of(before, first)
        world.submit(first, before)
        mapper = world.mapper(mappings[1], where + duplicates)
        new = records_of(mapper, then)
        found = world.diff(then, mapper, limit=100)
        report = world.submit(then, mapper)

        same = {key for key in new if old.get(key) == new[key]}
        assert report.unchanged == found.counts[Kind.UNCHANGED] == len(same)
        assert report.submitted == found.to_send == len(new) - len(same)
        rows = (found.report.read, found.report.filtered, found.report.rejected)
        assert rows == (report.read, report.filtered, report.rejected)
        assert {each.key for each in found.examples[Kind.NEW]} == new.keys() - old.keys()
        changed = {each.key: set(each.columns or ()) for each in found.examples[Kind.CHANGED]}
        assert changed == {
            key: {_shown(mapper, name) for name in old[key].keys() | new[key] if _differ(old, new, key, name)}
            for key in new.keys() & old.keys() - same
        }
        present = {one["Key"] for one in then}
        wanted = {one["Key"] for one in then if not isinstance(mapper.map_row(one), Filtered)}
        assert {each.key for each in found.examples[Kind.GONE]} == old.keys() - present
        left_out = {each.key for each in found.examples[Kind.LEFT_OUT]}
        assert left_out == old.keys() & present - wanted

        after = world.diff(then, mapper)
        assert (after.to_send, after.counts[Kind.UNCHANGED]) == (0, len(new))


def _differ(old: Records, new: Records, key: str, name: str) -> bool:
    absent = object()
    return old[key].get(name, absent) != new[key].get(name, absent)


def _shown(mapper: Mapper, name: str) -> str:
    return next(one.display_name for one in mapper.connection.columns if one.internal_name == name)


def test_without_a_journal_all_records_are_new_and_none_is_made(world: World) -> None:
    found = world.diff([row("a"), row("b"), row("c", N="wrong")])
    assert (counts(found), found.report.rejected, found.journal) == ({"new": 2}, 1, None)
    assert not (world.folder / "journal.db").exists()


def test_a_lost_journal_is_told(world: World) -> None:
    world.submit([row("a")])
    (world.folder / "journal.db").unlink()
    assert "had a run" in world.diff([row("a")]).note


def test_an_older_journal_than_the_last_run_trusts_nothing_and_the_run_does_so_too(world: World) -> None:
    world.submit([row("a")])
    copy = (world.folder / "journal.db").read_bytes()
    world.submit([row("a"), row("b")])
    (world.folder / "journal.db").write_bytes(copy)
    found = world.diff([row("a"), row("b")])
    assert (counts(found), bool(found.note)) == ({"new": 1, "again": 1}, True)
    assert world.submit([row("a"), row("b")]).submitted == 2


def test_records_journalled_without_hashes_say_changed_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ColumnHasher, "hash", lambda *_: b"")
        world.submit([row("a"), row("b")])
    found = world.diff([row("a", A="new"), row("b")])
    assert (counts(found), found.columns_unknown, found.columns) == ({"changed": 1, "unchanged": 1}, 1, {})
    assert found.examples[Kind.CHANGED][0].columns is None


def test_columns_are_known_of_a_record_whose_first_answer_was_lost(world: World) -> None:
    assert world.submit([row("a"), row("b")], lost=1).submitted == 2
    found = world.diff([row("a", A="new"), row("b")])
    assert (found.columns, found.columns_unknown) == ({"A": 1}, 0)


def test_another_conflict_option_is_named_where_no_column_differs(world: World) -> None:
    world.submit([row("a")])
    found = world.diff([row("a")], world.mapper(more="conflict: skip\n"))
    assert found.columns == {CONFLICT: 1}


def test_what_is_absent_is_gone_unless_it_is_excluded_rejected_or_destroyed(world: World) -> None:
    keys = ("gone", "excluded", "wrong", "destroyed", "stays")
    world.submit([row(key) for key in keys])
    with open_journal(world.journal) as journal:
        run = journal.runs()[0]
        tombstone = Destruction("destroyed", "p", b"", DestructionState.DESTROYED, 1.0, "Ann")
        journal.write_destructions(run.origin, run.connection, [tombstone])
    mapper = world.mapper(more="where: \"{{ Title != 'u' }}\"\n")
    rows = [row("excluded", Title="u"), row("wrong", N="wrong"), row("stays"), row("destroyed"), row("")]
    found = world.diff(rows, mapper)
    assert counts(found) == {"unchanged": 1, "gone": 1, "left_out": 1}
    assert [each.key for each in found.examples[Kind.GONE]] == ["gone"]
    assert [each.key for each in found.examples[Kind.LEFT_OUT]] == ["excluded"]
    assert (found.destroyed, found.unreadable, found.report.rejected) == (1, 1, 3)
    assert counts(world.diff(rows[:3], mapper)) == counts(found)  # it is not gone without its row either


def test_a_run_that_was_killed_between_batches_leaves_open_what_was_in_flight_and_the_rest_new(
    world: World,
) -> None:
    rows = [row(f"k{number:02}") for number in range(40)]
    world.submit(rows, limit=15)
    with open_journal(world.journal) as journal:
        run = journal.runs()[0]
        begin(journal, run, [Item(17, "k15", b"content")], Timestamp(1.0, 1.0))
    found = world.diff(rows)  # as it is while the file still has the intent
    assert counts(found) == {"new": 24, "open": 1, "unchanged": 15}
    with open_journal(world.journal) as journal:  # which makes it pending
        known = journal.find_records(run.origin, run.connection, ["k15"])
    assert known["k15"].state is State.PENDING
    assert counts(world.diff(rows)) == counts(found)
    assert found.examples[Kind.OPEN][0].state == "intended"
    assert world.submit(rows).submitted == found.to_send


def test_a_planted_bug_that_writes_no_layout_leaves_columns_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ColumnHasher, "take_new", lambda _self: {})
        world.submit([row("a")])
    found = world.diff([row("a", A="x")])
    assert (found.columns, found.columns_unknown) == ({}, 1)
    world.submit([row("a", A="x")])
    assert world.diff([row("a", A="y")]).columns == {"A": 1}


def test_only_the_first_of_each_kind_are_kept_and_all_are_counted(world: World) -> None:
    world.submit([row(f"old{number:03}") for number in range(700)])
    found = world.diff([row(f"new{number:03}") for number in range(700)], limit=3)
    assert counts(found) == {"new": 700, "gone": 700}
    assert [each.key for each in found.examples[Kind.GONE]] == ["old000", "old001", "old002"]
    assert len(found.examples[Kind.NEW]) == 3
    assert json.dumps(found.as_json())


def test_without_settings_the_only_opus_of_the_journal_is_the_target(world: World) -> None:
    mapper = world.mapper()
    assert find_target(mapper, {}) == (world.folder / "opusmap-journal.db", "")
    world.journal = world.folder / "opusmap-journal.db"
    world.submit([row("a")])
    assert find_target(mapper, {})[1] == "http://127.0.0.1"
    with open_journal(world.journal) as journal:
        journal.start_run(origin="https://other", connection=mapper.connection.id, mapping="m.yaml")
    with pytest.raises(SettingsError):
        find_target(mapper, {})


def test_a_planted_bug_that_forgets_rejected_keys_calls_their_records_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit([row("wrong")])
    all_new = DuplicateFilter._all_new
    monkeypatch.setattr(DuplicateFilter, "_all_new", lambda self, chunk, _rejects: all_new(self, chunk, ()))
    with pytest.raises(AssertionError):
        assert not counts(world.diff([row("wrong", N="wrong")]))


def test_where_rows_are_gone_and_others_new_a_changed_row_key_is_named_as_a_cause(world: World) -> None:
    world.submit([row("a"), row("b")])
    said = "A row whose row key changed counts twice: as gone under the old key, and as new under the new"
    changed, gone = world.diff([row("a"), row("B")]), world.diff([row("a")])
    assert counts(changed) == {"new": 1, "unchanged": 1, "gone": 1}
    assert any(note.startswith(said) for note in describe_notes(changed, "https://opus.example.com"))
    assert counts(gone) == {"unchanged": 1, "gone": 1}
    assert not any(said in note for note in describe_notes(gone, "https://opus.example.com"))
