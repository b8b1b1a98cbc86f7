"""What every source is: a name, the columns it is known to have, and its rows.

Owns the interface, the source over an iterable, and the one over a file or stream whatever its format.
How a format is read is the business of its own module; how a path becomes a source, of `opening`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from opusmap.errors import SourceError
from opusmap.issues import quote_value
from opusmap.records import Problem, Reject, Row
from opusmap.sources.batches import Part, row_parts
from opusmap.sources.changes import Watch
from opusmap.sources.normalize import plain_values
from opusmap.sources.text_io import Block, Input, prepare_blocks

__all__ = ["IterableSource", "Reading", "Source", "StreamSource", "from_iterable"]


class Source(ABC):
    """Rows, in order, each with the number that a spreadsheet shows for it.

    Attributes:
        name: what messages call the source; its path where it has one.
        columns: the names in a CSV header; the names seen in a sample of JSON Lines; None if unknown.
        notes: what the reader decided for itself (such as the delimiter), each as a sentence.
        rereadable: whether `rows()` may be called again and starts over.
        delimiter: what separates the cells of a CSV source; None where rows are no lines of cells.
        typed_cells: whether cells have types of their own that may have cost a key its leading zeros, as
            those of a workbook.
        files: the paths of the files that a pattern stands for; empty where `name` is the one file.
        watch: what tells whether its files have changed since it was opened; None where nobody can tell.
    """

    name: str
    columns: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    rereadable: bool = False
    delimiter: str | None = None
    typed_cells: bool = False
    files: tuple[str, ...] = ()
    watch: Watch | None = None

    @abstractmethod
    def rows(self) -> Iterator[Row | Reject]:
        """Yield each row, or the reject for one that can't be read.

        Raises:
            SourceError: the source can't be read any further, or a second time.
        """

    def size(self) -> int | None:
        """Return the bytes of the file that the source is; None where it is no file that is read in order."""
        return None

    def share_read(self) -> float | None:
        """Return how much of the source was read so far, 0 to 1; None where that is not known."""
        return None

    def place(self, number: int, column: str | None = None) -> str:  # noqa: ARG002 - where cells have names
        """Return where a row, or its cell of a column, stands: `row 7`, `cell B7`, `b.csv, row 3`."""
        return f"row {number}"

    def parts(self) -> Iterator[Part]:
        """Yield the same rows some at a time, in parts that can travel to another process."""
        return row_parts(self.rows())

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Let go of what is open. Rows can't be read afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class IterableSource(Source):
    """Rows that a program has already: any iterable of mappings, numbered from 1.

    Values become plain ones (see `plain_value`): the row iterator of a pandas, polars or Arrow table goes
    in as it is.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], name: str = "rows") -> None:
        self.name = name
        self.rereadable = not isinstance(rows, Iterator)
        self._rows = rows

    def rows(self) -> Iterator[Row | Reject]:
        """Yield each mapping as a row; a reject for what is none."""
        rows: Iterable[object] = self._rows  # a program may hand in anything
        for number, values in enumerate(rows, 1):
            if isinstance(values, Mapping):
                yield Row(number, plain_values(values))
            else:
                message = f"a row is a mapping of column to value, not {quote_value(values)}"
                yield Reject(number, None, (Problem("", "not-an-object", message),), {})


def from_iterable(rows: Iterable[Mapping[str, Any]], name: str = "rows") -> Source:
    """Make a source of any iterable of mappings (column name to value), numbered from 1."""
    return IterableSource(rows, name)


@dataclass(frozen=True, slots=True)
class Reading:
    """One pass over a file: its columns, known before the first row, and its rows."""

    columns: tuple[str, ...]
    rows: Iterator[Row | Reject]
    notes: tuple[str, ...] = ()
    delimiter: str | None = None
    word: str = "row"
    """What a row is called in this format."""
    parts: Iterator[Part] | None = None
    """The same rows in parts, where the format has a quicker way; only one of the two may be read."""


class StreamSource(Source):
    """A file or stream in a format that is read from its beginning to its end.

    The columns are known as soon as the source is made. A path can be read again and again; a stream
    only once.
    """

    def __init__(self, input: Input, begin: Callable[[Iterator[Block]], Reading]) -> None:
        self.name = input.name
        self.rereadable = input.rereadable
        self._input = input
        self._begin = begin
        self._open = ExitStack()
        try:
            reading = self._read()
        except BaseException:
            self.close()
            raise
        self.columns = reading.columns
        self.delimiter = reading.delimiter
        self._word = reading.word
        self._first: Reading | None = reading

    def rows(self) -> Iterator[Row | Reject]:
        """Return the rows; see `Source.rows`."""
        return self._reading().rows

    def parts(self) -> Iterator[Part]:
        """Return the rows in parts; see `Source.parts`."""
        reading = self._reading()
        return row_parts(reading.rows) if reading.parts is None else reading.parts

    def _reading(self) -> Reading:
        """Return a pass over the file that nobody has read from."""
        reading, self._first = self._first, None
        if reading is not None:
            return reading
        if not self.rereadable:
            raise SourceError(
                self.name, "read-once", "a stream can't be read a second time", help="name a file instead"
            )
        reading = self._read()
        if reading.columns != self.columns:
            raise SourceError(self.name, "source-changed", "the file was changed while it was being read")
        return reading

    def place(self, number: int, column: str | None = None) -> str:  # noqa: ARG002 - cells have no names
        """Return `row 7`, or `line 7` or `item 7`."""
        return f"{self._word} {number}"

    def size(self) -> int | None:
        """Return the file's size."""
        return self._size

    def share_read(self) -> float | None:
        """Return how far in its file the reader stands, 0 to 1; of a gzip file, in the packed one."""
        if self._size is None:
            return None
        try:
            return min(1.0, self._stream.tell() / self._size) if self._size else 1.0
        except (OSError, ValueError):  # a stream that has no position, or is closed
            return None

    def close(self) -> None:
        """Close the files that were opened here; a stream that was handed in stays open."""
        self._open.close()

    def _read(self) -> Reading:
        stream = self._stream = self._open.enter_context(self._input.open())
        self._size = _size(self._input)
        blocks, notes = prepare_blocks(stream, self.name)
        reading = self._begin(blocks)
        self.notes = (*notes, *reading.notes)
        return reading


def _size(input: Input) -> int | None:
    """Return the size of a file in bytes; None of what is no file."""
    if not isinstance(input.origin, Path) or not input.rereadable:
        return None
    return input.origin.stat().st_size
