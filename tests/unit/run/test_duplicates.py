"""Of several rows with the same row key one becomes the record, wherever the others stand."""

from __future__ import annotations

import gc
import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

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
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [{"rowKey": "SingleText"}]}
    (folder / "c.json").write_text(json.dumps(connection), "utf-8")
    (folder / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nduplicates: {request.param}\nfields: {{rowKey: Id}}\n", "utf-8"
    )
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
    stream = MapStream(Work(mapper, IterableSource([{"Id": f"K{key}"} for key in keys])))
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


@example([[0, 0, 1], [1]])
@given(st.lists(st.lists(st.integers(0, 20), max_size=12), max_size=8))
def test_it_makes_no_difference_how_rows_are_cut_into_chunks(mapper: Mapper, chunks: list[list[int]]) -> None:
    work = Work(mapper, IterableSource([{"Id": f"K{key}"} for chunk in chunks for key in chunk]))
    rows = iter(list(work.source.rows()))
    with DuplicateFilter(work) as by_chunks, DuplicateFilter(work) as one_by_one:
        for keys in chunks:
            some = list(islice(rows, len(keys)))
            found = by_chunks.filter(mapper.map_chunk(some), some.__getitem__)
            singles = [one_by_one.filter(mapper.map_chunk([row]), [row].__getitem__) for row in some]
            assert list(found.rejects()) == [one for single in singles for one in single.rejects()]
            assert found.keys == [key for single in singles for key in single.keys]


@pytest.mark.parametrize(("in_memory", "known"), [(200_000, True), (0, False)])
def test_a_reject_names_the_row_that_has_its_key(
    mapper: Mapper, monkeypatch: pytest.MonkeyPatch, in_memory: int, *, known: bool
) -> None:
    monkeypatch.setattr(duplicates, "ROWS_REMEMBERED", in_memory)
    source = IterableSource([{"Id": key} for key in "abcbd"])
    ((reject,),) = [tuple(chunk.rejects()) for chunk in MapStream(Work(mapper, source))]
    is_last = mapper.spec.duplicates == "last"
    assert reject.row == (2 if is_last else 4)
    other = "row 4" if is_last else "row 2" if known else "an earlier row"
    assert reject.problems[0].message == f'{other} has the row key "b", too'


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
    source = Growing([{"Id": f"K{key}"} for key in keys])
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


@pytest.mark.parametrize(("setting", "twice"), [("first", [3, 5]), ("last", [1, 3])])
@pytest.mark.parametrize("size", [1, 2, 10])
def test_a_row_that_is_rejected_for_something_else_says_that_another_row_has_its_key_as_well(
    tmp_path: Path, setting: str, size: int, twice: list[int]
) -> None:
    columns = {"rowKey": "SingleText", "_N": "Number"}
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [columns]}
    (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
    lines = f"opusmap: 1\nconnection: c.json\nduplicates: {setting}\nfields: {{rowKey: Id, N: N}}\n"
    (tmp_path / "m.yaml").write_text(lines, "utf-8")
    mapper = load_mapping(tmp_path / "m.yaml")
    rows = [("a", "x"), ("a", "1"), ("a", "x"), ("b", "x"), ("a", "y"), ("c", "1")]
    if setting == "last":
        rows[4] = ("a", "2")
        rows.append(("a", "x"))
    work = Work(mapper, IterableSource([{"Id": key, "N": number} for key, number in rows]))
    found = dict[int, set[str]]()
    source = list(work.source.rows())
    with DuplicateFilter(work) as keys:
        for at in range(0, len(source), size):
            part = source[at : at + size]
            chunk = keys.filter(mapper.map_chunk(part), part.__getitem__)
            found |= {one.row: {each.code for each in one.problems} for one in chunk.rejects()}
    if setting == "last":
        assert found[2] == {"duplicate-key"}
    assert [row for row, codes in found.items() if codes == {"bad-number", "duplicate-key"}] == twice
    assert found[4] == {"bad-number"}
