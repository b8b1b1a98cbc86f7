"""The cells of a Parquet file one by one, where Python has no type for one of them.

Owns what becomes of such a cell: a date outside the years 1 to 9999 is the text of that date, so that only
a mapping that makes a date of it has a problem with it. It is slow, and only for rows that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from opusmap.issues import quote_value
from opusmap.records import Problem, Reject, Row
from opusmap.sources.instants import read_date, read_time
from opusmap.sources.normalize import plain_value, plain_values

__all__ = ["read_cells"]

_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_MS = 86_400_000


def read_cells(arrow: Any, rows: Any, first: int) -> Iterator[Row | Reject]:
    """Yield the rows of a record batch, numbered from `first`; a reject where a cell can't be read."""
    reader = _Reader(arrow)
    names = rows.schema.names
    columns = [reader.read_column(column) for column in rows.columns]
    for number, cells in enumerate(zip(*columns, strict=True), first):
        values = plain_values(
            {
                name: cell.shown if isinstance(cell, _Unreadable) else cell
                for name, cell in zip(names, cells, strict=True)
            }
        )
        problems = tuple(
            Problem(name, cell.code, cell.message, "correct the value where the file is written")
            for name, cell in zip(names, cells, strict=True)
            if isinstance(cell, _Unreadable)
        )
        yield Reject(number, None, problems, values) if problems else Row(number, values)


@dataclass
class _Unreadable(Exception):
    """A cell that has no value: the code and message of its problem, and what is shown of it."""

    code: str
    message: str
    shown: str


class _Reader:
    """Reads scalars; `arrow` is pyarrow."""

    def __init__(self, arrow: Any) -> None:
        types = arrow.types
        self._kinds: Sequence[tuple[Callable[[Any], bool], Callable[[Any], Any]]] = (
            (types.is_date32, lambda scalar: read_date(scalar.value)),
            (types.is_date64, lambda scalar: read_date(scalar.value // _DAY_MS)),
            (types.is_timestamp, _read_timestamp),
            (types.is_duration, _read_duration),
            (types.is_map, lambda scalar: [self._read_pair(pair) for pair in scalar.values]),
            (types.is_struct, self._read_object),
            (types.is_nested, lambda scalar: [self.read(one) for one in scalar.values]),
            (types.is_dictionary, lambda scalar: self.read(scalar.value)),
            (lambda kind: isinstance(kind, arrow.BaseExtensionType), lambda scalar: self.read(scalar.value)),
        )
        self._texts = (types.is_string, types.is_large_string)

    def read_column(self, column: Any) -> list[Any]:
        """Return the cells of a column, with an `_Unreadable` for each that has no value."""
        try:
            found: list[Any] = column.to_pylist()
        except (ValueError, ArithmeticError):
            found = [self._read_cell(scalar) for scalar in column]
        return found

    def _read_cell(self, scalar: Any) -> Any:
        try:
            return self.read(scalar)
        except _Unreadable as unreadable:
            return unreadable

    def read(self, scalar: Any) -> Any:
        """Return what a scalar holds.

        Raises:
            _Unreadable: nothing that there is a value for.
        """
        try:
            return scalar.as_py()
        except (ValueError, ArithmeticError) as error:
            for is_kind, read in self._kinds:
                if is_kind(scalar.type):
                    return read(scalar)
            if any(is_text(scalar.type) for is_text in self._texts):
                shown = plain_value(scalar.as_buffer().to_pybytes())
                raise _Unreadable("encoding", "the file holds a text here that is not UTF-8", shown) from None
            reason = str(error).partition("\n")[0]
            raise _Unreadable("wrong-kind", f"a value of the type {scalar.type}: {reason}", "") from None

    def _read_pair(self, pair: Any) -> tuple[Any, Any]:
        key, value = pair.values()
        return self.read(key), self.read(value)

    def _read_object(self, scalar: Any) -> dict[str, Any]:
        names = [field.name for field in scalar.type]
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            message = f"an object has the name {quote_value(repeated)} twice"
            raise _Unreadable("json-repeated-name", message, "")
        return {name: self.read(scalar[name]) for name in names}


def _read_timestamp(scalar: Any) -> datetime | str:
    """Return a time, cut to microseconds; in UTC where the file's zone is none that is known here."""
    micro = scalar.value * 10**6 // _UNITS[scalar.type.unit]
    if scalar.type.tz is None:
        return read_time(micro)
    return read_time(micro, UTC)


def _read_duration(scalar: Any) -> str:
    micro = scalar.value * 10**6 // _UNITS[scalar.type.unit]
    try:
        return str(timedelta(microseconds=micro))
    except OverflowError:
        return f"{micro // 10**6} s"
