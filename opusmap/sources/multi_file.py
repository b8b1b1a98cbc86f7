"""Several files as one source, one after the other, each row with the name of its file if it is wanted.

Owns the numbering through all files and the comparison of their columns. How one file is read is the
business of its format.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opusmap.errors import SourceError
from opusmap.issues import quote_value
from opusmap.records import Reject, Row
from opusmap.sources.source import Source

__all__ = ["OneFile", "SeveralSource"]


@dataclass(frozen=True, slots=True)
class OneFile:
    """A file of several: what the rows call it, and how it is opened."""

    name: str
    open: Callable[[], Source]


class SeveralSource(Source):
    """Files that are read one after the other; rows are numbered on through all of them.

    Where `same_columns`, each file is opened once beforehand and must have the first one's columns, in
    any order; otherwise the columns are those of all together.
    """

    def __init__(
        self, name: str, files: Sequence[OneFile], file_column: str | None, *, same_columns: bool
    ) -> None:
        self.name = name
        self._files = tuple(files)
        self._column = file_column
        self._ends: list[int] = []
        self._current: Source | None = None
        first = files[0].open()
        with first:
            self._first = first
            self.rereadable = first.rereadable or len(files) > 1
            self.delimiter = first.delimiter
            self.typed_cells = first.typed_cells
            self.notes = first.notes
        columns = dict.fromkeys(first.columns or ())
        for file in files[1:]:
            with file.open() as source:
                if same_columns:
                    _compare(source, first)
                columns |= dict.fromkeys(source.columns or ())
        if len(files) > 1:
            self.notes = (f"{len(files):,} files", *self.notes)
        if file_column is not None and file_column in columns:
            problem = f"the source has a column {quote_value(file_column)} of its own"
            hint = "give `file_column` another name"
            raise SourceError(name, "duplicate-header", problem, help=hint)
        self.columns = (*columns, *([] if file_column is None else [file_column]))

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows of each file; see `Source.rows`."""
        self._ends = []
        start = 0
        for file in self._files:
            self._current = file.open()
            number = 0
            with self._current as source:
                for row in source.rows():
                    number = row.row if isinstance(row, Reject) else row.number
                    yield self._renumbered(row, start + number, file.name)
            start += number
            self._ends.append(start)

    def place(self, number: int, column: str | None = None) -> str:
        """Return the file and the place in it: `b.csv, row 3`."""
        place = bisect_right(self._ends, number - 1)
        if place >= len(self._files):
            return self._first.place(number, column)
        before = self._ends[place - 1] if place else 0
        return f"{self._files[place].name}, {self._first.place(number - before, column)}"

    def close(self) -> None:
        """Close the file that is open."""
        if self._current is not None:
            self._current.close()

    def _renumbered(self, row: Row | Reject, number: int, name: str) -> Row | Reject:
        values: Mapping[str, Any] = row.values
        if self._column is not None:
            values = {**values, self._column: name}
        return replace(row, row=number, values=values) if isinstance(row, Reject) else Row(number, values)


def _compare(source: Source, first: Source) -> None:
    missing = [name for name in first.columns or () if name not in (source.columns or ())]
    more = [name for name in source.columns or () if name not in (first.columns or ())]
    if missing or more:
        parts = [
            f"{what} {', '.join(map(quote_value, names[:6]))}" + (" …" if len(names) > 6 else "")  # noqa: PLR2004
            for what, names in (("lacks", missing), ("has, too,", more))
            if names
        ]
        problem = f"compared with {first.name}, this file {' and '.join(parts)}"
        hint = (
            "files of one pattern have the same columns; map files of another kind by a mapping of their own"
        )
        raise SourceError(source.name, "columns-differ", problem, help=hint)
