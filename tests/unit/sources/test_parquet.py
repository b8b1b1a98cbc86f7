"""Parquet: types as stored, times cut to microseconds, batches that stay small."""

# ruff: noqa: DTZ001 - times without a zone are part of the subject

from __future__ import annotations

import io
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from small_mapping import record, rejects

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import from_rows, open_source
from opusmap.sources.normalize import plain_value

pa = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="the extra parquet is not installed")


def written(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_types_are_the_files_and_numbers_exact(tmp_path: Path) -> None:
    moment = datetime(2024, 7, 1, 9, 30, 0, 123456, tzinfo=UTC)
    path = written(
        tmp_path / "x.parquet",
        {
            "key": ["007", None],
            "sum": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
            "float": [0.1, float("nan")],
            "big": pa.array([2**63 - 1, 1], pa.int64()),
            "when": pa.array(
                [moment.timestamp() * 0 + 1_719_826_200_123_456_789, None], pa.timestamp("ns", "UTC")
            ),
            "day": pa.array([date(2024, 7, 1), None]),
            "list": [["a", "b"], []],
            "nested": [{"a": {"b": 1}}, None],
            "bytes": pa.array([b"\xff\x00", "é".encode()], pa.binary()),
        },
    )
    with open_source(path) as source:
        assert source.columns[:2] == ("key", "sum")
        rows = list(source.rows())
        assert rows == list(source.rows())
    assert rows[0] == Row(
        1,
        {
            "key": "007",
            "sum": Decimal("1.50"),
            "float": Decimal("0.1"),
            "big": 2**63 - 1,
            "when": moment,
            "day": date(2024, 7, 1),
            "list": ["a", "b"],
            "nested": {"a": {"b": 1}},
            "bytes": "ff00",
        },
    )
    assert rows[1].values["float"] == "NaN"
    assert rows[1].values["bytes"] == "é"


def test_each_element_of_a_list_may_be_a_row(tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", {"no": [1, 2], "lines": [[{"s": "a"}, {"s": "b"}], []]})
    with open_source(path, each="lines") as source:
        assert [row.values for row in source.rows()] == [
            {"no": 1, "lines": {"s": "a"}},
            {"no": 1, "lines": {"s": "b"}},
        ]


def test_many_rows_come_in_order_across_batches_and_row_groups(tmp_path: Path) -> None:
    count = 12_345
    path = written(
        tmp_path / "x.parquet",
        {"n": range(count), "t": [f"{n % 7}" for n in range(count)]},
        row_group_size=5_000,
    )
    with open_source(path) as source:
        assert [(row.number, row.values) for row in source.rows()] == [
            (n + 1, {"n": n, "t": f"{n % 7}"}) for n in range(count)
        ]


ROWS = 3_000
WORDS = [f"word {n % 7}" for n in range(ROWS)]


def lists(values: Any, kind: Any = None) -> Any:
    """An array of lists, an element each."""
    ends = pa.array(range(ROWS + 1), pa.int32())
    return (kind or pa.ListArray).from_arrays(ends, values)


def nested_columns() -> dict[str, Any]:
    words = pa.array(WORDS)
    packed = words.dictionary_encode()
    return {
        "list": lists(words),
        "list of packed": lists(packed),
        "list of packed numbers": lists(pa.array([n % 5 for n in range(ROWS)]).dictionary_encode()),
        "large list": lists(packed, pa.LargeListArray),
        "list of one": pa.FixedSizeListArray.from_arrays(packed, 1),
        "struct": pa.StructArray.from_arrays([words, pa.array(range(ROWS))], ["a", "b"]),
        "struct of packed": pa.StructArray.from_arrays([packed], ["a"]),
        "list of structs": lists(pa.StructArray.from_arrays([packed], ["a"])),
        "map": pa.array([[(word, word)] for word in WORDS], pa.map_(pa.string(), pa.string())),
        "packed": packed,
        "packed numbers": pa.array([n % 5 for n in range(ROWS)]).dictionary_encode(),
        "packed dates": pa.array([date(2024, 7, 1)] * ROWS).dictionary_encode(),
    }


@pytest.mark.parametrize("options", [{"row_group_size": 1_001}, {"dictionary_pagesize_limit": 40}])
@pytest.mark.parametrize("kind", nested_columns())
def test_packed_values_inside_others_are_read_across_row_groups(
    tmp_path: Path, kind: str, options: dict[str, int]
) -> None:
    array = nested_columns()[kind]
    path = written(tmp_path / "x.parquet", {"n": range(ROWS), "x": array}, **options)
    with open_source(path) as source:
        assert [row.values for row in source.rows()] == [
            {"n": n, "x": plain_value(value)}
            for n, value in enumerate(array.to_pylist(maps_as_pydicts="strict"))
        ]


FAR_MOMENT = 2**62  # microseconds
FAR_DAYS = 10_000_000


@pytest.mark.parametrize(
    ("array", "read"),
    [
        (lambda: pa.array([FAR_DAYS], pa.date32()), "29349-01-26"),
        (lambda: pa.array([-735_000], pa.date32()), "-0043-08-22"),
        (lambda: pa.array([FAR_DAYS * 86_400_000], pa.date64()), "29349-01-26"),
        (lambda: pa.array([FAR_MOMENT], pa.timestamp("us")), "148108-07-06 14:00:27.387904"),
        (lambda: pa.array([FAR_MOMENT], pa.timestamp("us", "UTC")), "148108-07-06 14:00:27.387904+00:00"),
        (lambda: pa.array([FAR_MOMENT], pa.timestamp("ms")), "146140482-04-24 15:36:27.904000"),
        (lambda: pa.array([FAR_DAYS], pa.date32()).dictionary_encode(), "29349-01-26"),
        (lambda: pa.array([[FAR_DAYS]], pa.list_(pa.date32())), ["29349-01-26"]),
        (lambda: pa.array([[0, FAR_DAYS]], pa.list_(pa.date32(), 2)), [date(1970, 1, 1), "29349-01-26"]),
        (
            lambda: pa.array([{"a": [FAR_DAYS]}], pa.struct([("a", pa.large_list(pa.date32()))])),
            {"a": ["29349-01-26"]},
        ),
        (lambda: pa.array([[("a", FAR_DAYS)]], pa.map_(pa.string(), pa.date32())), {"a": "29349-01-26"}),
        (lambda: pa.array([FAR_MOMENT * 2 - 1], pa.duration("ms")), "9223372036854775 s"),
        # What the machine does not know, or Python cuts off, is read all the same.
        (lambda: pa.array([0], pa.timestamp("us", "No/Where")), datetime(1970, 1, 1, tzinfo=UTC)),
        (lambda: pa.array([[1_001]], pa.list_(pa.timestamp("ns"))), [datetime(1970, 1, 1, 0, 0, 0, 1)]),
    ],
)
def test_what_python_has_no_date_for_is_a_text_and_the_rows_around_it_are_read(
    tmp_path: Path, array: Callable[[], Any], read: object
) -> None:
    cell = array()
    cells = pa.concat_arrays([pa.nulls(1, cell.type), cell, pa.nulls(1, cell.type)])
    path = written(tmp_path / "x.parquet", {"n": [1, 2, 3], "x": cells})
    with open_source(path) as source:
        assert list(source.rows()) == [
            Row(1, {"n": 1, "x": None}),
            Row(2, {"n": 2, "x": read}),
            Row(3, {"n": 3, "x": None}),
        ]


def test_a_cell_without_a_value_is_a_reject_of_its_row_alone(tmp_path: Path) -> None:
    text = pa.array([b"good", b"\xff"], pa.binary()).view(pa.string())
    twice = pa.StructArray.from_arrays([pa.array([1, None]), pa.array([2, None])], ["a", "a"])
    with open_source(written(tmp_path / "t.parquet", {"n": [1, 2], "x": text})) as source:
        good, bad = source.rows()
    assert good == Row(1, {"n": 1, "x": "good"})
    assert isinstance(bad, Reject)
    assert (bad.row, bad.values) == (2, {"n": 2, "x": "ff"})
    assert [(one.column, one.code) for one in bad.problems] == [("x", "encoding")]
    with open_source(written(tmp_path / "s.parquet", {"n": [1, 2], "x": twice})) as source:
        assert {one.problems[0].code for one in source.rows() if isinstance(one, Reject)} == {
            "json-repeated-name"
        }


def test_no_thread_is_left_that_could_break_the_end_of_the_process(tmp_path: Path) -> None:
    path = written(tmp_path / "x.parquet", {"n": range(ROWS), "t": WORDS}, row_group_size=700)
    code = (
        "import os, sys, opusmap.sources\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        "import pyarrow.parquet, pyarrow.compute\n"
        "before = threads()\n"
        "with opusmap.sources.open_source(sys.argv[1]) as source:\n"
        "    assert sum(1 for _ in source.rows()) == 3000\n"
        "    print(threads() - before)\n"
    )
    if not Path("/proc/self/task").is_dir():
        pytest.skip("the system does not list a process's threads")
    command = [sys.executable, "-c", code, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "0\n"), ended.stderr


@pytest.mark.parametrize("inside", [False, True])
def test_a_few_kilobytes_that_expand_to_a_gigabyte_stay_small(tmp_path: Path, inside: bool) -> None:  # noqa: FBT001
    text = "x" * 1_000_000
    values = [[text]] * 1_000 if inside else [text] * 1_000
    path = written(tmp_path / "x.parquet", {"t": values}, compression="zstd")
    assert path.stat().st_size < 10_000
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        with open_source(path) as source:
            for number, _row in enumerate(source.rows()):
                if number % 50 == 0:
                    assert pa.total_allocated_bytes() - before < 100_000_000
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_a_column_packed_a_thousandfold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opusmap.sources.parquet.UNPACKED_LIMIT", 1 << 20)
    path = written(tmp_path / "x.parquet", {"t": ["x" * 4_000_000]}, compression="zstd")
    with pytest.raises(SourceError, match="unpacked-too-large"):
        open_source(path)


def test_a_stream_is_read_and_damage_is_told(tmp_path: Path) -> None:
    data = written(tmp_path / "x.parquet", {"a": [1]}).read_bytes()
    with open_source(io.BytesIO(data), format="parquet") as source:
        assert list(source.rows()) == [Row(1, {"a": 1})]
    for damaged in (b"", b"PAR1", data[:-20], data[20:]):
        with (
            pytest.raises(SourceError) as caught,
            open_source(io.BytesIO(damaged), format="parquet") as source,
        ):
            list(source.rows())
        assert caught.value.code == "source-damaged"


def test_an_arrow_table_goes_in_by_its_row_iterator() -> None:
    table = pa.table({"key": ["007"], "sum": [0.5], "day": [date(2024, 7, 1)], "gap": pa.nulls(1)})
    source = from_rows(row for batch in table.to_batches() for row in batch.to_pylist())
    assert list(source.rows()) == [
        Row(1, {"key": "007", "sum": Decimal("0.5"), "day": date(2024, 7, 1), "gap": None})
    ]


@pytest.mark.parametrize("rows", [2, 0])
@pytest.mark.parametrize("nested", [False, True])
def test_a_damaged_name_of_a_column_is_told(tmp_path, rows, nested):
    values = ["a"] * rows
    table = (
        pa.table(
            {
                "key": values,
                "outer": pa.array([{"title": one} for one in values], pa.struct([("title", pa.string())])),
            }
        )
        if nested
        else pa.table({"key": values, "title": pa.array(values, pa.string())})
    )
    pq.write_table(table, tmp_path / "x.parquet", store_schema=False)
    content = (tmp_path / "x.parquet").read_bytes()
    assert b"title" in content
    (tmp_path / "x.parquet").write_bytes(content.replace(b"title", b"tit\xffe"))
    with pytest.raises(SourceError, match="name of a column is damaged") as caught:
        open_source(tmp_path / "x.parquet")
    assert caught.value.code == "source-damaged"


def test_a_name_that_the_parts_of_a_file_spell_in_two_ways_is_told(tmp_path):
    pq.write_table(pa.table({"key": ["1"], "title": ["a"]}), tmp_path / "x.parquet")
    content = (tmp_path / "x.parquet").read_bytes()
    for count in range(1, content.count(b"title")):
        (tmp_path / "x.parquet").write_bytes(content.replace(b"title", b"citle", count))
        with suppress(SourceError), open_source(tmp_path / "x.parquet") as source:
            assert list(source.rows())


def test_a_narrow_float_is_its_shortest_number_wherever_it_is(tmp_path: Path) -> None:
    single = pa.float32()
    path = written(
        tmp_path / "x.parquet",
        {
            "single": pa.array([0.1, 16777216, None], single),
            "half": pa.array([0.1, float("inf"), None], pa.float16()),
            "list": pa.array([[0.1, None], [float("nan")], None], pa.list_(single)),
            "object": pa.array([{"a": 0.1}, {"a": None}, None], pa.struct([("a", single)])),
            "map": pa.array([[("x", 0.1)], [], None], pa.map_(pa.string(), single)),
        },
    )
    with open_source(path) as source:
        rows = [row.values for row in source.rows()]
    tenth = Decimal("0.1")
    assert rows == [
        {"single": tenth, "half": tenth, "list": [tenth, None], "object": {"a": tenth}, "map": {"x": tenth}},
        {"single": 16777216, "half": "Infinity", "list": ["NaN"], "object": {"a": None}, "map": {}},
        dict.fromkeys(("single", "half", "list", "object", "map")),
    ]


def test_a_map_is_an_object_and_a_repeated_key_concerns_its_row(tmp_path: Path) -> None:
    kind = pa.map_(pa.int32(), pa.list_(pa.map_(pa.string(), pa.string())))
    values = [[(1, [[("a", "b")]]), (2, [])], [(1, []), (1, [])], None]
    path = written(tmp_path / "x.parquet", {"no": [1, 2, 3], "map": pa.array(values, kind)})
    with open_source(path) as source:
        first, second, third = source.rows()
    assert first == Row(1, {"no": 1, "map": {"1": [{"a": "b"}], "2": []}})
    assert isinstance(second, Reject)
    assert (second.row, second.problems[0].code, second.problems[0].place) == (2, "json-repeated-name", "map")
    assert third == Row(3, {"no": 3, "map": None})


@pytest.mark.parametrize("cell", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_rejects_its_row_where_a_number_is_made_of_it(tmp_path: Path, cell: float) -> None:
    path = written(tmp_path / "x.parquet", {"n": [1, 2], "x": [cell, 0.5]})
    with open_source(path) as source:
        first, second = source.rows()
    assert second.values["x"] == Decimal("0.5")
    row = {"Key": "1", "Title": "a"}
    assert rejects("Number: X", {**row, "X": first.values["x"]}) == {"Number": "bad-number"}
    assert record("Number: X", {**row, "X": second.values["x"]})["_Number"] == 0.5
    assert record("Line: Title", {**row, "X": first.values["x"]})["_Line"] == "a"
