"""Parquet files, read in batches that are small in memory whatever the file declares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.source_options import SourceOptions
from opusmap.sources.arrow import BatchReader
from opusmap.sources.damage import Damage, explain_parquet
from opusmap.sources.source import Format, Source, check_columns, load_extra
from opusmap.sources.text_io import Input
from opusmap.wording import quote_value

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
            self._path = input.as_file(self._until)
            file = self._until.enter_context(self._arrow.OSFile(str(self._path)))
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
                raise self._damaged("the name of a column is damaged, and not UTF-8 text") from None
            if isinstance(error, OSError | ValueError | LookupError | self._arrow.ArrowException):
                raise self._unreadable(error) from None
            raise

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; see `Source.rows`."""
        reader = BatchReader(self._arrow, self._compute, self._file.schema_arrow)
        try:
            for batch in self._batches():
                yield from reader.rows(batch)
        except (OSError, ValueError, self._arrow.ArrowException) as error:
            raise self._unreadable(error, reader.read + 1) from None

    def close(self) -> None:
        """Close the file."""
        self._until.close()

    def _batches(self) -> Iterator[Any]:
        """Yield the rows in record batches, each within one row group.

        Each row group has its own dictionaries, and Arrow can't make one list or object of two of them.
        """
        most = NESTED_BATCH_ROWS if self._packed_inside else BATCH_ROWS
        for group in range(self._file.num_row_groups):
            yield from self._file.iter_batches(batch_size=most, row_groups=[group], use_threads=False)

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
        if isinstance(error, UnicodeDecodeError):
            return self._damaged("a text in it is not UTF-8", row)
        damage = explain_parquet(self._path, Path(self.name).suffix.lower())
        reason = str(error).strip().partition("\n")[0]
        return SourceError(
            self.name, "source-damaged", damage.describe("a Parquet file", reason), row, damage.hint
        )

    def _damaged(self, what: str, row: int | None = None) -> SourceError:
        damage = Damage(what, "fetch or write the file again")
        return SourceError(self.name, "source-damaged", damage.describe("a Parquet file"), row, damage.hint)


FORMAT = Format(
    name="parquet",
    title="Parquet",
    suffixes=(".parquet",),
    options=("each",),
    open=ParquetSource,
    extra="parquet",
)
