"""Parquet files, read in batches that are small in memory whatever the file declares.

Types are those of the file: texts stay texts, decimals are exact, times are as stored. Python has no value
for some cells, such as a date outside the years 1 to 9999. Such a cell becomes a text, so that only a
mapping that makes a date of it has a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.mapping import SourceOptions
from opusmap.records import Reject, Row
from opusmap.sources.normalize import plain_value, plain_values
from opusmap.sources.source import Format, Source, check_columns, load_extra
from opusmap.sources.text_io import Input
from opusmap.wording import quote_value

SLICE_BYTES = 16 << 20
"""Bytes of the rows that are unpacked at a time, about."""

BATCH_ROWS = 2_000
"""Rows of a batch, in which repeated texts are still packed."""

NESTED_BATCH_ROWS = 16
"""Rows of a batch where texts inside lists or objects are packed, as their unpacked size is not known."""

UNPACKED_LIMIT, RATIO_LIMIT = 256 << 20, 200
"""A column of a row group may unpack to that many bytes, or to that many times its packed size."""


class ParquetSource(Source):
    """The rows of a Parquet file, numbered from 1."""

    rereadable = True

    def __init__(self, input: Input, options: SourceOptions) -> None:  # noqa: ARG002 - it takes only `each`
        self.name = input.name
        self._arrow, parquet, self._compute = (
            load_extra(module, "parquet", "a Parquet file", input.name)
            for module in ("pyarrow", "pyarrow.parquet", "pyarrow.compute")
        )
        self._until = ExitStack()
        try:
            path = input.as_file(self._until)
            file = self._until.enter_context(self._arrow.OSFile(str(path)))
            packed = self._find_packed(parquet.read_metadata(file))
            file.seek(0)
            # No thread that reads ahead, and no file object of Python: a thread that still waits for the
            # interpreter when that ends is killed, and the whole process aborts.
            self._file = parquet.ParquetFile(file, read_dictionary=packed, pre_buffer=False)
            self.columns = tuple(self._file.schema_arrow.names)
            self._packed_inside = any(path not in self.columns for path in packed)
            check_columns(self.name, self.columns)
        except BaseException as error:
            self.close()
            if isinstance(error, UnicodeDecodeError):
                raise self._damaged("the name of a column is damaged: it is not UTF-8 text") from None
            if isinstance(error, OSError | ValueError | LookupError | self._arrow.ArrowException):
                raise self._unreadable(error) from None
            raise

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; see `Source.rows`."""
        number = 0
        try:
            for rows in self._slices():
                try:
                    found = rows.to_pylist()
                except (ValueError, ArithmeticError):  # a cell that Python has no value for
                    yield from _CellReader(self._arrow).read_rows(rows, number + 1)
                    number += rows.num_rows
                    continue
                for number, values in enumerate(found, number + 1):  # noqa: B020 - it counts on
                    yield Row(number, plain_values(values))
        except (OSError, ValueError, self._arrow.ArrowException) as error:
            raise self._unreadable(error, number + 1) from None

    def close(self) -> None:
        """Close the file."""
        self._until.close()

    def _slices(self) -> Iterator[Any]:
        """Yield the rows in slices of about the same size when unpacked, each within one row group.

        Each row group has dictionaries of its own, and Arrow can't make one list or object of two of them.
        """
        most = NESTED_BATCH_ROWS if self._packed_inside else BATCH_ROWS
        for group in range(self._file.num_row_groups):
            for batch in self._file.iter_batches(batch_size=most, row_groups=[group], use_threads=False):
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

    def _find_packed(self, metadata: Any) -> list[str]:
        """Return the columns with packed texts; refuse those that unpack to far more than their size.

        Raises:
            SourceError: `unpacked-too-large`.
        """
        packed: dict[str, None] = {}
        for group in range(metadata.num_row_groups):
            for number in range(metadata.num_columns):
                column = metadata.row_group(group).column(number)
                unpacked = column.total_uncompressed_size
                if unpacked > UNPACKED_LIMIT and unpacked > RATIO_LIMIT * column.total_compressed_size:
                    problem = (
                        f"the column {quote_value(column.path_in_schema)} unpacks to {unpacked >> 20:,} MB, "
                        f"more than {RATIO_LIMIT} times its size"
                    )
                    hint = "if the file is right, write it again in smaller row groups"
                    raise SourceError(self.name, "unpacked-too-large", problem, help=hint)
                if column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page:
                    packed[column.path_in_schema] = None
        return list(packed)

    def _unreadable(self, error: Exception, row: int | None = None) -> SourceError:
        text = isinstance(error, UnicodeDecodeError)
        reason = "a text in it is not UTF-8" if text else str(error).strip().partition("\n")[0]
        return self._damaged(f"not a readable Parquet file: {reason}", row)

    def _damaged(self, problem: str, row: int | None = None) -> SourceError:
        return SourceError(self.name, "source-damaged", problem, row, "fetch or write the file again")


@dataclass
class _NoValueError(Exception):
    """A cell that has no value: the code and message of its problem, and the text that shows it."""

    code: str
    message: str
    shown: str


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

    def read_rows(self, batch: Any, first: int) -> Iterator[Row | Reject]:
        """Yield a record batch's rows, numbered from `first`; one with a cell without a value is a reject."""
        names = batch.schema.names
        for number, cells in enumerate(zip(*map(self._read_column, batch.columns), strict=True), first):
            values = dict(zip(names, cells, strict=True))
            problems = []
            for name, cell in values.items():
                if isinstance(cell, _NoValueError):
                    values[name] = cell.shown
                    hint = "correct the value where the file is written"
                    problems.append(Issue(cell.code, cell.message, name, hint))
            plain = plain_values(values)
            yield Reject(number, None, tuple(problems), plain) if problems else Row(number, plain)

    def _read_column(self, column: Any) -> list[Any]:
        """Return the cells of a column, with a `_NoValueError` for each that has no value."""
        try:
            return list(column.to_pylist())
        except (ValueError, ArithmeticError):
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
        except (ValueError, ArithmeticError) as error:
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


FORMAT = Format(
    name="parquet",
    title="Parquet",
    suffixes=(".parquet",),
    options=("each",),
    open=ParquetSource,
    extra="parquet",
)
