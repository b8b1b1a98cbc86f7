"""What every source is: a name, the columns it is known to have, and its rows.

Also here: the source over an iterable, the one over a file or stream that is read from its beginning to its
end, the record that describes a format, and the checks that formats share. Each format has a module with
a `FORMAT`; `formats` finds the one for a path.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Self

from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.records import Reject, Row
from opusmap.source_options import SourceOptions
from opusmap.sources.batches import Part, row_parts
from opusmap.sources.changes import Watch
from opusmap.sources.text_io import Block, Input, prepare_blocks
from opusmap.wording import quote_names, show_extra

ROW_LIMIT = 32 << 20
"""Bytes or characters of all values of a database row, at most; a row with more is a reject."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A place in a source from which it can be read on another time.

    Attributes:
        rows: how many rows there are before it.
        number: the number of the last of them; 0 where there is none.
        state: what the program that writes the source wants to get back, as JSON.
    """

    rows: int
    number: int
    state: bytes


class Source(ABC):
    """Rows, in order, each with the number that a spreadsheet shows for it.

    Attributes:
        name: what messages call the source; its path where it has one.
        columns: the names in a CSV header; the names seen in a sample of JSON Lines; None if unknown.
        notes: what the reader detected (such as the delimiter), each as a sentence.
        rereadable: whether `rows()` may be called again and starts over.
        delimiter: what separates the cells of a CSV source; None for other sources.
        typed_cells: whether cells have types, which may have removed a key's leading zeros, as
            those of a workbook.
        header_row: the row that holds the columns' names; 0 if none does, None where there are no such rows.
        files: the paths of the files that a pattern matches; empty where `name` is the one file.
        watch: tells whether the files have changed since they were opened; None where that is unknown.
        checkpoints: those that the reading has passed and that are to be confirmed once the rows before are
            dealt with, as a Singer tap wants it; None where the source has none.
    """

    name: str
    columns: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    rereadable: bool = False
    delimiter: str | None = None
    typed_cells: bool = False
    header_row: int | None = None
    files: tuple[str, ...] = ()
    watch: Watch | None = None
    checkpoints: deque[Checkpoint] | None = None

    @abstractmethod
    def rows(self) -> Iterator[Row | Reject]:
        """Yield each row, or the reject for one that can't be read.

        Raises:
            SourceError: the source can't be read any further, or a second time.
        """

    def size(self) -> int | None:
        """Return the size of the source's file in bytes; None unless it is one file that is read in order."""
        return None

    def share_read(self) -> float | None:
        """Return the share of the source that has been read, 0 to 1; None where it is not known."""
        return None

    def place(self, number: int, column: str | None = None) -> str:  # noqa: ARG002 - where cells have names
        """Return the place of a row, or of its cell in a column: `row 7`, `cell B7`, `b.csv, row 3`."""
        return f"row {number}"

    def parts(self) -> Iterator[Part]:
        """Yield the same rows in parts that can be sent to another process."""
        return row_parts(self.rows())

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Close what is open. Rows can't be read afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Reading:
    """One pass over a file: its columns, known before the first row, and its rows in parts."""

    columns: tuple[str, ...]
    parts: Iterator[Part]
    notes: tuple[str, ...] = ()
    delimiter: str | None = None
    header_row: int | None = None
    word: str = "row"
    """What messages call a row of this format."""


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
        self.header_row = reading.header_row
        self._word = reading.word
        self._first: Reading | None = reading

    def rows(self) -> Iterator[Row | Reject]:
        """Return the rows; see `Source.rows`."""
        return chain.from_iterable(part.rows() for part in self._reading().parts)

    def parts(self) -> Iterator[Part]:
        """Return the rows in parts; see `Source.parts`."""
        return self._reading().parts

    def _reading(self) -> Reading:
        """Return a pass over the file from which nothing has been read."""
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
        """Return the share of the file that has been read, 0 to 1; if gzipped, of the packed bytes."""
        if self._size is None:
            return None
        try:
            return min(1.0, self._stream.tell() / self._size) if self._size else 1.0
        except (OSError, ValueError):  # the stream has no position, or is closed
            return None

    def close(self) -> None:
        """Close the files that were opened here; a stream that was passed in stays open."""
        self._open.close()

    def _read(self) -> Reading:
        stream = self._stream = self._open.enter_context(self._input.open())
        origin = self._input.origin
        self._size = origin.stat().st_size if isinstance(origin, Path) and self._input.rereadable else None
        blocks, notes = prepare_blocks(stream, self.name)
        reading = self._begin(blocks)
        self.notes = (*notes, *reading.notes)
        return reading


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of source: how a mapping names it, and how a source of this kind is opened.

    Attributes:
        name: as `format` in a mapping names it.
        title: as messages name it.
        suffixes: of its files, in lower case and with the dot.
        options: the keys of `source` that it takes, of those that not every format takes.
        open: opens a source; raises SourceError.
        extra: the extra of the package that it needs, such as `excel`; None if none.
        knows_columns: whether a source of this kind states its columns; False if they are those of a sample.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    options: tuple[str, ...]
    open: Callable[[Input, SourceOptions], Source]
    extra: str | None = None
    knows_columns: bool = True


def check_columns(name: str, columns: Sequence[str]) -> None:
    """Check names of columns that no header gives: none is blank, holds a NUL or is repeated.

    Args:
        name: the source's name, for the message.
        columns: the names.

    Raises:
        SourceError: `no-header`: there are none; `nul-byte`, `empty-header`, `duplicate-header`.
    """
    if not columns:
        raise SourceError(name, "no-header", "there are no columns", help="is this the right file or query?")
    if any("\0" in column for column in columns):
        hint = "give the column another name"
        raise SourceError(name, "nul-byte", "the name of a column contains NUL bytes", help=hint)
    if empty := [str(number) for number, column in enumerate(columns, 1) if not column.strip()]:
        problem = f"there is no name for column {', '.join(empty)} of {len(columns)}"
        hint = "name each one: in `columns`, in the query (SELECT … AS name), or where the file is written"
        raise SourceError(name, "empty-header", problem, help=hint)
    if repeated := [column for column, count in Counter(columns).items() if count > 1]:
        problem = f"two columns have the name {quote_names(repeated, limit=60)}"
        hint = "give each column a different name: otherwise cells of one would hide those of the other"
        raise SourceError(name, "duplicate-header", problem, help=hint)


_CORRECT = "correct or remove that row in the file; or is the file in another format than its name says?"


def unreadable_row(source: Source, reject: Reject) -> SourceError:
    """Return the error of a source that can't be used because this row of it can't be read."""
    cause = reject.problems[0]
    return SourceError(source.name, cause.code, cause.message, reject.row, cause.hint or _CORRECT)


def reject_row(
    number: int, code: str, message: str, hint: str = "", values: Mapping[str, Any] | None = None
) -> Reject:
    """Return the reject of a row that can't be read as a whole, with the values that are known of it."""
    return Reject(number, None, (Issue(code, message, "", hint),), values or {})


def row_too_long(number: int) -> Reject:
    """Return the reject of a row that holds more than `ROW_LIMIT`, without its values."""
    message = f"the row contains more than {ROW_LIMIT >> 20} MB"
    return reject_row(
        number, "field-too-long", message, "select fewer of its columns, or shorten them: substr(…)"
    )


def load_extra(module: str, extra: str, what: str, name: str) -> Any:
    """Import a library that an extra installs.

    Raises:
        SourceError: `missing-extra`, with the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError:
        problem = f"{what} needs more than the default installation"
        hint = show_extra(extra)
        raise SourceError(name, "missing-extra", problem, help=hint) from None
