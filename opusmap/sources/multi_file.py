"""Several files as one source, one after the other, each row with the name of its file if asked for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources.folder import split_pattern
from opusmap.sources.source import Source
from opusmap.wording import quote_names, quote_value

_OWN_FILES = re.compile(r"\.rejects(\.\d+)?\.(csv|xlsx|jsonl)$|\.last-run\.json$")
"""Names of files that runs write beside a mapping."""


class MultiFileSource(Source):
    """Files that are read one after the other; rows are numbered through all of them.

    Args:
        name: what messages call the source.
        files: the name of each file, and what opens it.
        file_column: the name of a column to add with the name of each row's file; None for none.
        same_columns: whether each file must have the first one's columns, in any order; otherwise the
            columns are those of all files. Each file is opened once to know them.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[tuple[str, Callable[[], Source]]],
        file_column: str | None,
        *,
        same_columns: bool,
    ) -> None:
        self.name = name
        self._files = files
        self._column = file_column
        self._ends: list[int] = []
        self._current: Source | None = None
        columns: dict[str, None] = {}
        for number, (_, open_file) in enumerate(files):
            with open_file() as source:
                if number == 0:
                    self._first = source
                elif same_columns:
                    _compare_columns(source, self._first)
                columns |= dict.fromkeys(source.columns or ())
        first = self._first
        self.rereadable = first.rereadable or len(files) > 1
        self.delimiter, self.typed_cells, self.notes = first.delimiter, first.typed_cells, first.notes
        self.header_row = first.header_row
        if len(files) > 1:
            self.notes = (f"{len(files):,} files", *self.notes)
        if file_column is not None and file_column in columns:
            problem = f"the source already has a column {quote_value(file_column)}"
            hint = "give `file_column` another name"
            raise SourceError(name, "duplicate-header", problem, help=hint)
        self.columns = (*columns, *([] if file_column is None else [file_column]))

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows of each file; see `Source.rows`."""
        self._ends = []
        start = 0
        for name, open_file in self._files:
            self._current = open_file()
            number = 0
            with self._current as source:
                for row in source.rows():
                    number = row.row if isinstance(row, Reject) else row.number
                    values: Mapping[str, Any] = row.values
                    if self._column is not None:
                        values = {**values, self._column: name}
                    if isinstance(row, Reject):
                        yield replace(row, row=start + number, values=values)
                    else:
                        yield Row(start + number, values)
            start += number
            self._ends.append(start)

    def place(self, number: int, column: str | None = None) -> str:
        """Return the file and the place in it: `b.csv, row 3`."""
        index = bisect_right(self._ends, number - 1)
        if index >= len(self._files):
            return self._first.place(number, column)
        before = self._ends[index - 1] if index else 0
        return f"{self._files[index][0]}, {self._first.place(number - before, column)}"

    def close(self) -> None:
        """Close the file that is open."""
        if self._current is not None:
            self._current.close()


def _compare_columns(source: Source, first: Source) -> None:
    columns, expected = source.columns or (), first.columns or ()
    missing = [name for name in expected if name not in columns]
    extra = [name for name in columns if name not in expected]
    differences = [
        f"{what} columns: {quote_names(names, 6)}"
        for what, names in (("missing", missing), ("extra", extra))
        if names
    ]
    if differences:
        problem = f"compared with {first.name}, {'; '.join(differences)}"
        hint = (
            "files that match one pattern must have the same columns; name the others on the command line "
            "in a separate run (`first_of` lets one mapping read both layouts)"
        )
        raise SourceError(source.name, "columns-differ", problem, help=hint)


def find_files(path: str | Path, inside: Path | None) -> tuple[dict[str, Path], list[str]]:
    """Return the files that match a pattern, by their names from its folder on, and the names left out.

    What runs write (rejects, `last-run.json`) is left out, since rejects are rows of the source already;
    unless the last part of the pattern names `rejects`.

    Args:
        path: the pattern.
        inside: the folder that the files must be in, links followed to their ends; None for any.

    Raises:
        SourceError: `source-unreadable`: no file matches; `outside-folder`.
    """
    found, left_out = dict[str, Path](), list[str]()
    for one in split_pattern(path).walk():
        if isinstance(one, OSError) or not one[0].is_file():
            continue
        entry, names = one
        name, file = "/".join(names), Path(entry.path)
        if _OWN_FILES.search(entry.name) and "rejects" not in Path(path).name:
            left_out.append(name)
            continue
        if inside is not None and not file.resolve().is_relative_to(inside.resolve()):
            problem = f"{quote_value(name)} is a link to a place outside the mapping's folder"
            hint = "a mapping reads only files beside or below itself; name others on the command line"
            raise SourceError(str(path), "outside-folder", problem, help=hint)
        found[name] = file
    if not found:
        hint = "* matches any part of one name, ** any folders: export/**/*.csv"
        raise SourceError(str(path), "source-unreadable", "no file matches this pattern", help=hint)
    return found, left_out
