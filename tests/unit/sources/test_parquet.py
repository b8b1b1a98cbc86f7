"""Parquet: types as stored, times cut to microseconds, batches that stay small."""

from __future__ import annotations

import io
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.records import Row
from opusmap.sources import from_iterable, open_source

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
    assert rows[1].values["float"] is None
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
    source = from_iterable(row for batch in table.to_batches() for row in batch.to_pylist())
    assert list(source.rows()) == [
        Row(1, {"key": "007", "sum": Decimal("0.5"), "day": date(2024, 7, 1), "gap": None})
    ]
