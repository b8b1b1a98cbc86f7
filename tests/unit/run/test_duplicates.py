"""Of several rows with the same row key one becomes the record, wherever the others stand."""

from __future__ import annotations

import gc
import json
import sqlite3
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opusmap.compiler import Mapper, load_mapping
from opusmap.errors import StoppedEarly
from opusmap.records import Reject, Row
from opusmap.run import duplicates
from opusmap.run.duplicates import DuplicateFilter, KeySet
from opusmap.run.map import MapStream
from opusmap.run.open import Work
from opusmap.sources.installed import IterableSource


@pytest.fixture(scope="module", params=["first", "reject", "last"])
def mapper(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapper:
    folder = tmp_path_factory.mktemp("mapping")
    return write_mapping(folder, request.param)


def write_mapping(folder: Path, setting: str) -> Mapper:
    """Write a mapping whose rows are rejected if N is no number, and have no key if Id is empty."""
    columns = {"rowKey": "SingleText", "_N": "Number"}
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [columns]}
    (folder / "c.json").write_text(json.dumps(connection), "utf-8")
    lines = f"opusmap: 1\nconnection: c.json\nduplicates: {setting}\nfields: {{rowKey: Id, N: N}}\n"
    (folder / "m.yaml").write_text(f"{lines}where: \"{{{{ N != 'excluded' }}}}\"\n", "utf-8")
    return load_mapping(folder / "m.yaml")


@pytest.fixture(scope="module", autouse=True)
def short_memory():
    """Let keys go to the file after a few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "IN_MEMORY", 7)
        yield


@example([0, *range(60), 0, 59])
@given(st.lists(st.integers(0, 80), max_size=200))
def test_the_setting_says_which_row_becomes_the_record(mapper: Mapper, keys: list[int]) -> None:
    kept, rejected = list[int](), list[int]()
    stream = MapStream(Work(mapper, IterableSource([{"Id": f"K{key}", "N": "1"} for key in keys])))
    for chunk in stream:
        kept += chunk.numbers
        rejected += [one.row for one in chunk.rejects()]
        assert [values["rowKey"] for values in chunk.values()] == chunk.keys
    report = stream.report()
    rows = list(enumerate(keys, 1))
    ordered = rows if mapper.spec.duplicates == "last" else rows[::-1]
    assert kept == sorted({key: row for row, key in ordered}.values())
    assert sorted(kept + rejected) == [row for row, _ in rows]
    assert (report.mapped, report.rejected) == (len(kept), len(rejected))


class Cells(NamedTuple):
    """A row: its key, empty for none; and a number, which `x` and `y` are not."""

    key: str
    number: str

    @property
    def is_wrong(self) -> bool:
        return self.number in "xy" or not self.key


def expect(rows: Sequence[Cells], setting: str) -> tuple[set[int], set[int]]:
    """Return the numbers of the rows that become records, and of those that say `duplicate-key`."""
    met = [(at, one) for at, one in enumerate(rows, 1) if one.number != "excluded"]
    if setting == "last":
        owners = {one.key: at for at, one in met if not one.is_wrong}
        repeated = {at for at, one in met if owners.get(one.key, 0) > at}
    else:
        owners = {one.key: at for at, one in reversed(met)}
        repeated = {at for at, one in met if one.key and owners[one.key] < at}
    return {at for at, one in met if not one.is_wrong} - repeated, repeated


ROWS = st.lists(
    st.builds(Cells, st.sampled_from(["", *"abcdefgh"]), st.sampled_from(["1", "1", "x", "y", "excluded"])),
    max_size=30,
)


@example([Cells("a", "x"), Cells("a", "1")], [1])
@example([Cells("a", "x"), Cells("a", "1")], [2])
@example([Cells("a", "1"), Cells("a", "x"), Cells("a", "1"), Cells("a", "x")], [3])
@example([Cells("a", "excluded"), Cells("", "1"), Cells("", "1"), Cells("a", "1")], [4])
@given(ROWS, st.lists(st.integers(1, 12), min_size=1))
def test_a_row_owns_its_key_whether_it_becomes_a_record_or_a_reject_however_rows_are_cut_into_chunks(
    mapper: Mapper, rows: list[Cells], sizes: list[int]
) -> None:
    kept, repeated = set[int](), set[int]()
    found = list[str]()
    work = Work(mapper, IterableSource([{"Id": one.key, "N": one.number} for one in rows]))
    left, size = iter(list(work.source.rows())), cycle(sizes)
    with DuplicateFilter(work) as keys:
        while part := list(islice(left, next(size))):
            before = mapper.map_chunk(part)
            chunk = keys.filter(before, part.__getitem__)
            assert len(chunk) == len(before)
            assert [one["rowKey"] for one in chunk.values()] == chunk.keys
            kept.update(chunk.numbers)
            for reject in chunk.rejects():
                cells = rows[reject.row - 1]
                assert dict(reject.values) == {"Id": cells.key, "N": cells.number}
                codes = [one.code for one in reject.problems]
                assert (len(codes) > codes.count("duplicate-key")) is cells.is_wrong
                found += codes
                if "duplicate-key" in codes:
                    repeated.add(reject.row)
    assert (kept, repeated) == expect(rows, mapper.spec.duplicates)
    assert found.count("duplicate-key") == len(repeated)


@pytest.mark.parametrize(("in_memory", "known"), [(200_000, True), (0, False)])
def test_a_reject_names_the_row_that_has_its_key(
    mapper: Mapper, monkeypatch: pytest.MonkeyPatch, in_memory: int, *, known: bool
) -> None:
    monkeypatch.setattr(duplicates, "ROWS_REMEMBERED", in_memory)
    source = IterableSource([{"Id": key, "N": "1"} for key in "abcbd"])
    ((reject,),) = [tuple(chunk.rejects()) for chunk in MapStream(Work(mapper, source))]
    is_last = mapper.spec.duplicates == "last"
    assert reject.row == (2 if is_last else 4)
    other = "row 4" if is_last else "row 2" if known else "an earlier row"
    assert reject.problems[0].message == f'{other} has the same row key, "b"'


def test_a_reject_says_that_the_row_with_its_key_is_rejected_itself(tmp_path: Path) -> None:
    rows = [{"Id": key, "N": number} for key, number in [("a", "x"), ("b", "1"), ("a", "1"), ("b", "y")]]
    stream = MapStream(Work(write_mapping(tmp_path, "first"), IterableSource(rows)))
    found = {one.row: one.problems[-1] for chunk in stream for one in chunk.rejects()}
    assert found[3].message == 'row 1 has the same row key, "a", and is itself rejected'
    assert "delete row 1 from the rejects, and empty _error_code" in found[3].hint
    assert found[4].message == 'row 2 has the same row key, "b"'
    assert "delete" not in found[4].hint


class Growing(IterableSource):
    """A source to which another program adds rows: each read finds some more."""

    reads = 0

    def rows(self) -> Iterator[Row | Reject]:
        self.reads += 1
        yield from islice(super().rows(), self.reads * 4)


@example([0, 1, 2, 2, 3, 3, 1, 0])
@given(st.lists(st.integers(0, 9), min_size=8, max_size=8))
def test_no_key_passes_twice_where_the_source_grows_between_two_reads(
    mapper: Mapper, keys: list[int]
) -> None:
    kept = list[str]()
    source = Growing([{"Id": f"K{key}", "N": "1"} for key in keys])
    for chunk in MapStream(Work(mapper, source)):
        kept += chunk.keys
    assert len(kept) == len(set(kept))


SMALL = st.integers(0, 30)
ANY = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.sets(SMALL | ANY, min_size=1, max_size=8)), st.integers(1, 20))
def test_it_tells_what_a_set_would_tell(groups, in_memory):
    known = set()
    with pytest.MonkeyPatch.context() as patch, KeySet() as seen:
        patch.setattr(duplicates, "IN_MEMORY", in_memory)
        for hashes in groups:
            new = known.isdisjoint(hashes)
            assert seen.add_new(hashes) is new
            known |= hashes if new else set()


def test_more_are_asked_for_than_one_statement_takes(monkeypatch):
    monkeypatch.setattr(duplicates, "IN_MEMORY", 1)
    with KeySet() as seen:
        assert seen.add_new(set(range(10_000, 12_000)))
        assert not any(seen.add_new({*range(2_000), met}) for met in range(10_000, 12_000, 97))
        assert seen.add_new(set(range(2_000)))


def test_memory_does_not_grow_with_the_keys(monkeypatch):
    held = []
    monkeypatch.setattr(duplicates, "IN_MEMORY", 10_000)
    tracemalloc.start()
    with KeySet() as seen:
        for start in range(0, 60_000, 1_000):
            assert seen.add_new({(start + place) << 20 for place in range(1_000)})
            if start % 10_000 == 5_000:
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[-1] < 1.2 * held[1]


def test_a_temporary_file_that_can_t_be_written_stops_the_run_in_words(monkeypatch):
    def refuse(*_args, **_options):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    monkeypatch.setattr(duplicates, "IN_MEMORY", 2)
    with KeySet() as seen, pytest.raises(StoppedEarly, match=r"unable to open.*\n.*TMPDIR"):
        seen.add_new({1, 2})
