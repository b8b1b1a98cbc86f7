"""Arrow's record batches as rows, and tables of any library that gives them out as Arrow streams.

Types are those of the table: texts stay texts, decimals are exact, times are as stored. Python has no value
for some cells, such as a date outside the years 1 to 9999. Such a cell becomes a text, so that only a
mapping that makes a date of it has a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.records import Reject, Row
from opusmap.sources.normalize import plain_value, plain_values, shortest_number
from opusmap.sources.source import Source, check_columns, load_extra
from opusmap.wording import quote_value

SLICE_BYTES = 16 << 20
"""Bytes of the rows that are unpacked at a time, about."""


@runtime_checkable
class ArrowStream(Protocol):
    """A table, or a stream of record batches, of any library that speaks Arrow's C stream interface.

    The method is that of the Arrow PyCapsule interface; polars, pandas, DuckDB, ADBC and pyarrow have it.
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a capsule with the stream."""


class ArrowSource(Source):
    """The rows of a table, numbered from 1; `table` is asked for its stream once for each reading."""

    def __init__(self, table: ArrowStream, name: str) -> None:
        self.name = name
        self._table = table
        self._arrow, self._compute = (
            load_extra(module, "parquet", "an Arrow table", name) for module in ("pyarrow", "pyarrow.compute")
        )
        self.rereadable = not hasattr(table, "__next__")
        self._first = self._stream()
        self.columns = tuple(self._first.schema.names)
        check_columns(name, self.columns)

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; see `Source.rows`."""
        stream, self._first = self._first, None
        if stream is None:
            if not self.rereadable:
                hint = "pass a table, or create the stream again"
                raise SourceError(self.name, "read-once", "a stream can't be read a second time", help=hint)
            stream = self._stream()
        reader = BatchReader(self._arrow, self._compute, stream.schema)
        try:
            for batch in stream:
                yield from reader.rows(batch)
        except (OSError, ValueError, self._arrow.ArrowException) as error:
            raise self._unreadable(error, reader.read + 1) from None

    def _stream(self) -> Any:
        try:
            return self._arrow.RecordBatchReader.from_stream(self._table)
        except (OSError, ValueError, TypeError, self._arrow.ArrowException) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception, row: int | None = None) -> SourceError:
        # pyarrow appends the traceback of what failed in Python to its message.
        reason = str(error).partition(" Detail: Python exception:")[0].strip().partition("\n")[0]
        problem = f"the table can't be read: {reason}"
        hint = "can the library that made it read all of it?"
        return SourceError(self.name, "source-unreadable", problem, row, hint)


class BatchReader:
    """Makes rows of record batches, numbered on from 1; `arrow` and `compute` are modules of pyarrow.

    Attributes:
        read: how many rows have been made.
    """

    def __init__(self, arrow: Any, compute: Any, schema: Any) -> None:
        self.read = 0
        self._arrow, self._compute = arrow, compute
        kinds = ((field.name, _make_fix(arrow.types, field.type)) for field in schema)
        self._fixes = {name: fix for name, fix in kinds if fix is not None}

    def rows(self, batch: Any) -> Iterator[Row | Reject]:
        """Yield the rows of the next batch, and a reject for each with a cell that has no value at all."""
        fixes = self._fixes
        for some in self._slices(batch):
            try:
                found = some.to_pylist()
            except _NO_VALUE:  # a cell that Python has no value for
                yield from _CellReader(self._arrow).read_rows(some, self.read + 1, fixes)
                self.read += some.num_rows
                continue
            for self.read, values in enumerate(found, self.read + 1):  # noqa: B020 - it counts on
                yield _finish_row(self.read, values, fixes) if fixes else Row(self.read, plain_values(values))

    def _slices(self, batch: Any) -> Iterator[Any]:
        """Yield the batch in slices of about the same size when unpacked."""
        count = max(1, min(batch.num_rows, self._unpacked_size(batch) // SLICE_BYTES + 1))
        length = -(-batch.num_rows // count)
        for start in range(0, batch.num_rows, length or 1):
            yield self._in_microseconds(batch.slice(start, length))

    def _unpacked_size(self, batch: Any) -> int:
        """Return the bytes of the batch's texts when each row has its own."""
        compute, types = self._compute, self._arrow.types
        tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
        size = 0
        for column in batch.columns:
            kind = column.type
            if types.is_dictionary(kind) and any(test(kind.value_type) for test in tests):
                lengths = compute.binary_length(column.dictionary)
                size += compute.sum(lengths.take(column.indices.fill_null(0))).as_py() or 0
            else:
                size += column.nbytes
        return size

    def _in_microseconds(self, batch: Any) -> Any:
        """Cut times to microseconds, the finest that Python has."""
        arrow = self._arrow
        for number, field in enumerate(batch.schema):
            if getattr(field.type, "unit", None) == "ns":
                if arrow.types.is_timestamp(field.type):
                    kind = arrow.timestamp("us", field.type.tz)
                else:
                    kind = arrow.time64("us") if arrow.types.is_time64(field.type) else arrow.duration("us")
                batch = batch.set_column(number, field.name, batch.column(number).cast(kind, safe=False))
        return batch


@dataclass
class _NoValueError(Exception):
    """A cell that has no value: the code and message of its problem, and the text that shows it."""

    code: str
    message: str
    shown: str


_Fix: TypeAlias = Callable[[Any], Any]


def _make_fix(types: Any, kind: Any) -> _Fix | None:
    """Return what makes our value of pyarrow's for a type; None if they are the same, as usual.

    Pyarrow gives a narrow float with all the digits that it has as a wide one, and a map as a list of pairs.
    """
    fix: _Fix | None = None
    if types.is_float16(kind) or types.is_float32(kind):
        width: Literal[16, 32] = 16 if types.is_float16(kind) else 32
        fix = partial(shortest_number, width=width)
    elif types.is_map(kind):
        key, item = (_make_fix(types, one) for one in (kind.key_type, kind.item_type))
        fix = partial(_make_object, fix_key=key, fix_item=item)
    elif types.is_struct(kind):
        inner = {field.name: _make_fix(types, field.type) for field in kind}
        changed = {name: one for name, one in inner.items() if one is not None}
        if changed:
            fix = partial(_fix_members, fixes=changed)
    elif types.is_dictionary(kind):
        fix = _make_fix(types, kind.value_type)
    elif types.is_nested(kind) and hasattr(kind, "value_type"):
        item = _make_fix(types, kind.value_type)
        if item is not None:
            fix = partial(_fix_items, fix=item)
    return fix


def _apply(fix: _Fix | None, value: Any) -> Any:
    return value if fix is None or value is None or isinstance(value, _NoValueError) else fix(value)


def _fix_items(items: list[Any], fix: _Fix) -> list[Any]:
    return [_apply(fix, item) for item in items]


def _fix_members(members: dict[str, Any], fixes: Mapping[str, _Fix]) -> dict[str, Any]:
    return members | {name: _apply(fix, members[name]) for name, fix in fixes.items()}


def _make_object(pairs: list[tuple[Any, Any]], fix_key: _Fix | None, fix_item: _Fix | None) -> dict[str, Any]:
    found = dict[str, Any]()
    for key, item in pairs:
        name = str(plain_value(_apply(fix_key, key)))
        if name in found:
            message = f"a map has the key {quote_value(name)} twice"
            raise _NoValueError("json-repeated-name", message, "")
        found[name] = _apply(fix_item, item)
    return found


def _finish_row(number: int, values: dict[str, Any], fixes: Mapping[str, _Fix]) -> Row | Reject:
    """Return a row of plain values; a reject if a cell has none."""
    problems = list[Issue[str]]()
    for name, cell in values.items():
        try:
            found = _apply(fixes.get(name), cell)
        except _NoValueError as error:
            found = error
        if isinstance(found, _NoValueError):
            values[name] = found.shown
            hint = "correct the value where the file is written"
            problems.append(Issue(found.code, found.message, name, hint))
        elif found is not cell:
            values[name] = found
    plain = plain_values(values)
    return Reject(number, None, tuple(problems), plain) if problems else Row(number, plain)


_NO_VALUE = ValueError, ArithmeticError, LookupError
"""What pyarrow raises for a cell that Python has no value for; the last where `pytz` does not know a zone."""


class _CellReader:
    """Reads cell by cell, which is slow, where Python has no value for a cell; `arrow` is pyarrow."""

    def __init__(self, arrow: Any) -> None:
        types = arrow.types
        self._kinds: Sequence[tuple[Callable[[Any], bool], Callable[[Any], Any]]] = (
            (types.is_date32, lambda scalar: _date(scalar.value)),
            (types.is_date64, lambda scalar: _date(scalar.value // 86_400_000)),
            (types.is_timestamp, _time),
            (types.is_duration, _duration),
            (types.is_map, lambda scalar: [tuple(map(self.read, pair.values())) for pair in scalar.values]),
            (types.is_struct, self._read_object),
            (types.is_nested, lambda scalar: [self.read(one) for one in scalar.values]),
            (types.is_dictionary, lambda scalar: self.read(scalar.value)),
            (lambda kind: isinstance(kind, arrow.BaseExtensionType), lambda scalar: self.read(scalar.value)),
        )
        self._text_tests = (types.is_string, types.is_large_string)

    def read_rows(self, batch: Any, first: int, fixes: Mapping[str, _Fix]) -> Iterator[Row | Reject]:
        """Yield a record batch's rows, numbered from `first`; one with a cell without a value is a reject."""
        names = batch.schema.names
        for number, cells in enumerate(zip(*map(self._read_column, batch.columns), strict=True), first):
            yield _finish_row(number, dict(zip(names, cells, strict=True)), fixes)

    def _read_column(self, column: Any) -> list[Any]:
        """Return the cells of a column, with a `_NoValueError` for each that has no value."""
        try:
            return list(column.to_pylist())
        except _NO_VALUE:
            cells: list[Any] = []
            for scalar in column:
                try:
                    cells.append(self.read(scalar))
                except _NoValueError as error:
                    cells.append(error)
            return cells

    def read(self, scalar: Any) -> Any:
        """Return the value of a scalar.

        Raises:
            _NoValueError: there is none.
        """
        try:
            return scalar.as_py()
        except _NO_VALUE as error:
            for is_kind, read in self._kinds:
                if is_kind(scalar.type):
                    return read(scalar)
            if any(is_text(scalar.type) for is_text in self._text_tests):
                shown = plain_value(scalar.as_buffer().to_pybytes())
                raise _NoValueError("encoding", "the text here is not UTF-8", shown) from None
            reason = str(error).partition("\n")[0]
            raise _NoValueError("wrong-kind", f"a value of the type {scalar.type}: {reason}", "") from None

    def _read_object(self, scalar: Any) -> dict[str, Any]:
        names = [field.name for field in scalar.type]
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            message = f"an object has the name {quote_value(repeated)} twice"
            raise _NoValueError("json-repeated-name", message, "")
        return {name: self.read(scalar[name]) for name in names}


_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the caller adds the zone
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
"""The calendar repeats after so many years, of so many days."""


def _microseconds(scalar: Any) -> int:
    return int(scalar.value * 10**6 // _UNITS[scalar.type.unit])


def _duration(scalar: Any) -> str:
    micro = _microseconds(scalar)
    try:
        return str(timedelta(microseconds=micro))
    except OverflowError:
        return f"{micro // 10**6} s"


def _date(days: int) -> date | str:
    """Return the date a number of days after 1970-01-01, as ISO 8601 text if `date` has no such year.

    Year 0 is 1 BC; earlier years have a minus sign.
    """
    try:
        return _EPOCH.date() + timedelta(days=days)
    except OverflowError:
        cycles, rest = divmod(days, _CYCLE_DAYS)
        day = _EPOCH.date() + timedelta(days=rest)
        year = day.year + cycles * _CYCLE_YEARS
        return f"{year:0{5 if year < 0 else 4}}-{day.month:02}-{day.day:02}"


def _time(scalar: Any) -> datetime | str:
    """Return a timestamp in microseconds, in UTC if it has a zone; a text if `datetime` has no such year."""
    microseconds = _microseconds(scalar)
    zone = None if scalar.type.tz is None else UTC
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).replace(tzinfo=zone)
    except OverflowError:
        days, rest = divmod(microseconds, 86_400 * 10**6)
        clock = (_EPOCH + timedelta(microseconds=rest)).time()
        return f"{_date(days)} {clock.isoformat()}" + ("" if zone is None else "+00:00")
