"""Arrow tables: what gives out a stream of record batches is read as a Parquet file is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import from_rows
from opusmap.sources.arrow import _CellReader

pa = pytest.importorskip("pyarrow")

MOMENT = datetime(2024, 7, 1, 9, 30, tzinfo=UTC)


class Foreign:
    """A table of some other library: nothing of it is known but its stream."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def table(**columns: Any) -> Any:
    return pa.table(columns)


def test_the_rows_of_any_librarys_table_are_numbered_from_1_with_plain_values() -> None:
    source = from_rows(
        Foreign(table(no=["007", None], sum=[0.1, 2.0], at=[MOMENT, None], tags=[["a"], []])), "frame"
    )
    assert source.columns == ("no", "sum", "at", "tags")
    assert source.name == "frame"
    assert list(source.rows()) == [
        Row(1, {"no": "007", "sum": Decimal("0.1"), "at": MOMENT, "tags": ["a"]}),
        Row(2, {"no": None, "sum": 2, "at": None, "tags": []}),
    ]


def test_batches_are_read_as_they_are_asked_for() -> None:
    asked = []

    def batches() -> Iterator[Any]:
        for number in range(100):
            asked.append(number)
            yield pa.record_batch({"n": [number]})

    rows = from_rows(pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), batches())).rows()
    assert next(rows) == Row(1, {"n": 0})
    assert len(asked) <= 2
    assert [row.number for row in rows] == list(range(2, 101))


def test_a_table_can_be_read_again_and_a_stream_can_not() -> None:
    whole = table(n=[1, 2])
    source = from_rows(whole)
    assert list(source.rows()) == list(source.rows())
    stream = from_rows(whole.to_reader())
    assert len(list(stream.rows())) == 2
    with pytest.raises(SourceError) as caught:
        list(stream.rows())
    assert caught.value.code == "read-once"


def test_a_table_without_rows_has_columns_and_no_rows() -> None:
    source = from_rows(table(n=pa.array([], pa.string())))
    assert source.columns == ("n",)
    assert list(source.rows()) == []


def test_a_text_that_is_none_is_the_reject_of_its_row_alone() -> None:
    broken = pa.array([b"good", b"\xff"]).view(pa.binary()).cast(pa.string(), safe=False)
    first, second = from_rows(table(t=broken)).rows()
    assert first == Row(1, {"t": "good"})
    assert isinstance(second, Reject)
    assert second.problems[0].code == "encoding"


def test_repeated_columns_are_refused() -> None:
    repeated = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"])
    with pytest.raises(SourceError) as caught:
        from_rows(repeated)
    assert caught.value.code == "duplicate-header"


@pytest.mark.parametrize("error", [ValueError, OSError, RuntimeError, KeyError])
def test_what_fails_in_the_middle_says_the_row_and_the_librarys_reason(error: type[Exception]) -> None:
    def batches() -> Iterator[Any]:
        yield pa.record_batch({"n": [1, 2]})
        raise error("the connection is gone")

    rows = from_rows(pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), batches())).rows()
    assert [next(rows), next(rows)]
    with pytest.raises(SourceError, match="the connection is gone") as caught:
        next(rows)
    assert (caught.value.code, caught.value.row) == ("source-unreadable", 3)
    assert "Traceback" not in str(caught.value)


def test_a_time_whose_zone_pytz_does_not_know_is_read_in_utc() -> None:
    class Scalar:
        """As pyarrow has it where `pytz` is installed: pandas and Spark bring it."""

        type = pa.timestamp("us", "No/Where")
        value = 0

        def as_py(self) -> object:
            raise KeyError("No/Where")

    assert _CellReader(pa).read(Scalar()) == datetime(1970, 1, 1, tzinfo=UTC)
