"""Parquet, in batches that are small in memory whatever the file says of itself.

Owns the size of the batches. Types are the file's: texts stay texts, decimals exact, times as stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from opusmap.errors import SourceError
from opusmap.issues import quote_value
from opusmap.records import Reject, Row
from opusmap.sources.normalize import plain_values
from opusmap.sources.parquet_cells import read_cells
from opusmap.sources.source import Source
from opusmap.sources.tabular import check_columns, load_extra
from opusmap.sources.text_io import Input

__all__ = ["ParquetSource"]

SLICE_BYTES = 16 << 20
"""Bytes of the rows that are unpacked at a time, about."""

BATCH_ROWS = 2_000
"""Rows of a batch, in which repeated texts are still packed."""

NESTED_BATCH_ROWS = 16
"""The same where texts inside lists or objects are packed, whose unpacked size can't be told beforehand."""

UNPACKED_LIMIT, RATIO_LIMIT = 256 << 20, 200
"""A column of a row group may unpack to that many bytes, or to that many times its packed size."""

_WRITE_AGAIN = "fetch or write the file again"


class ParquetSource(Source):
    """The rows of a Parquet file, numbered from 1."""

    def __init__(self, input: Input) -> None:
        self.name = input.name
        self.rereadable = True
        self._arrow = load_extra("pyarrow", "parquet", "a Parquet file", input.name)
        parquet = load_extra("pyarrow.parquet", "parquet", "a Parquet file", input.name)
        self._compute = load_extra("pyarrow.compute", "parquet", "a Parquet file", input.name)
        self._until = ExitStack()
        try:
            path = input.as_file(self._until)
            file = self._until.enter_context(self._arrow.OSFile(str(path)))
            packed = self._look_at_columns(parquet.read_metadata(file))
            file.seek(0)
            # Neither a thread that reads ahead nor a file object of Python's: a thread that waits for the
            # interpreter while that ends is torn down by force, and the whole process aborts.
            self._file = parquet.ParquetFile(file, read_dictionary=packed, pre_buffer=False)
            self.columns = tuple(self._file.schema_arrow.names)
        except UnicodeDecodeError:
            self.close()
            problem = "the name of a column is damaged: it is not UTF-8 text"
            raise SourceError(self.name, "source-damaged", problem, help=_WRITE_AGAIN) from None
        except (OSError, ValueError, LookupError, self._arrow.ArrowException) as error:
            self.close()
            raise self._refusal(error, None) from None
        except BaseException:
            self.close()
            raise
        self._packed_inside = any(path not in self.columns for path in packed)
        check_columns(self.name, self.columns)

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; see `Source.rows`."""
        number = 0
        try:
            for rows in self._slices():
                try:
                    found = rows.to_pylist()
                except (ValueError, ArithmeticError):  # a value that Python has no type for
                    yield from read_cells(self._arrow, rows, number + 1)
                    number += rows.num_rows
                    continue
                for number, values in enumerate(found, number + 1):  # noqa: B020 - it counts on
                    yield Row(number, plain_values(values))
        except (OSError, ValueError, self._arrow.ArrowException) as error:
            raise self._refusal(error, number + 1) from None

    def close(self) -> None:
        """Close the file."""
        self._until.close()

    def _slices(self) -> Iterator[Any]:
        """Yield a batch's rows in slices of about the same size when unpacked."""
        for batch in self._batches():
            count = max(1, min(batch.num_rows, self._unpacked_size(batch) // SLICE_BYTES + 1))
            length = -(-batch.num_rows // count)
            for start in range(0, batch.num_rows, length or 1):
                yield self._in_microseconds(batch.slice(start, length))

    def _batches(self) -> Iterator[Any]:
        """Yield batches that each lie in one row group.

        Each row group has dictionaries of its own, and Arrow can't make one list or object of two of them.
        """
        rows = NESTED_BATCH_ROWS if self._packed_inside else BATCH_ROWS
        for group in range(self._file.num_row_groups):
            yield from self._file.iter_batches(batch_size=rows, row_groups=[group], use_threads=False)

    def _unpacked_size(self, batch: Any) -> int:
        """Return the bytes that the batch's texts have when each row has its own."""
        compute, types = self._compute, self._arrow.types
        size = 0
        for column in batch.columns:
            if types.is_dictionary(column.type) and self._is_text(column.type.value_type):
                lengths = compute.binary_length(column.dictionary)
                size += compute.sum(lengths.take(column.indices.fill_null(0))).as_py() or 0
            else:
                size += column.nbytes
        return size

    def _is_text(self, kind: Any) -> bool:
        types = self._arrow.types
        tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
        return any(test(kind) for test in tests)

    def _in_microseconds(self, batch: Any) -> Any:
        """Cut times to microseconds, which is what Python's have; nanoseconds would be an error."""
        types = self._arrow.types
        for place, field in enumerate(batch.schema):
            unit, kind = getattr(field.type, "unit", None), field.type
            if unit == "ns":
                finer = (
                    self._arrow.timestamp("us", kind.tz)
                    if types.is_timestamp(kind)
                    else self._arrow.time64("us")
                    if types.is_time64(kind)
                    else self._arrow.duration("us")
                )
                cut = batch.column(place).cast(finer, safe=False)
                batch = batch.set_column(place, field.name, cut)
        return batch

    def _look_at_columns(self, metadata: Any) -> list[str]:
        """Return the columns whose texts are packed; refuse those that unpack to far more than they are.

        Raises:
            SourceError: `unpacked-too-large`.
        """
        packed: dict[str, None] = {}
        for group in range(metadata.num_row_groups):
            for place in range(metadata.num_columns):
                column = metadata.row_group(group).column(place)
                unpacked = column.total_uncompressed_size
                if unpacked > UNPACKED_LIMIT and unpacked > RATIO_LIMIT * column.total_compressed_size:
                    problem = (
                        f"the column {quote_value(column.path_in_schema)} unpacks to {unpacked >> 20:,} MB, "
                        f"more than {RATIO_LIMIT} times its size"
                    )
                    hint = "if the file is right, write it anew in smaller row groups"
                    raise SourceError(self.name, "unpacked-too-large", problem, help=hint)
                if column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page:
                    packed[column.path_in_schema] = None
        return list(packed)

    def _refusal(self, error: Exception, row: int | None) -> SourceError:
        reason = str(error).strip().partition("\n")[0]
        if isinstance(error, UnicodeDecodeError):
            reason = "a text in it is not UTF-8"
        problem = f"the file is no Parquet that can be read: {reason}"
        return SourceError(self.name, "source-damaged", problem, row, _WRITE_AGAIN)
