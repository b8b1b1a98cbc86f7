"""A file of rejects that a person has corrected, as a source: its rows are the source's own again.

Owns taking back what `rejects` added, and the rows that must not pass unless a person looked at them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.records import Reject, Row
from opusmap.rejects.file_formats import restore_cell
from opusmap.rejects.writer import ERROR_COLUMNS
from opusmap.sources import Source

_CUT = frozenset({"ragged-row", "unnamed-column"})
"""Codes of rows of which the file of rejects does not have all cells."""


class RejectsSource(Source):
    """The rows of a corrected file of rejects.

    The columns about errors are left out, rows keep the number that they had, and in CSV and workbooks
    the apostrophe goes that kept a spreadsheet from running a cell. A row that had more or fewer cells
    than the header, or a value under no name, is a reject still, unless its `_error_code` was emptied:
    what it lacks is not known.
    """

    def __init__(self, file: Source) -> None:
        """Read the rows of `file`, which is closed with this source."""
        self._file = file
        self._neutralised = is_neutralised(file)
        self.name = file.name
        self.notes = file.notes
        self.rereadable = file.rereadable
        self.watch = file.watch
        self.delimiter = file.delimiter
        self.typed_cells = file.typed_cells
        self.repeated: dict[tuple[int, str], str] = {}
        """By number and row key: rows, so far, that were rejected because another row had the key, with what
        the file says is wrong in them."""
        if file.columns is not None:
            self.columns = tuple(name for name in file.columns if name not in ERROR_COLUMNS)

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; see `Source.rows`."""
        try:
            for row in self._file.rows():
                yield row if isinstance(row, Reject) else self._restore(row)
        except SourceError as error:
            if error.code != "encoding":
                raise
            raise replace(error, help="save it as UTF-8: `CSV UTF-8` in Excel's list of types") from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _restore(self, row: Row) -> Row | Reject:
        values, (number, key, _, codes, error) = part_row(row.values, neutralised=self._neutralised)
        original = int(number) if number.isascii() and number.isdigit() else row.number
        found = codes.split("; ")
        if "duplicate-key" in found:
            self.repeated[original, key] = error
        return _hold_back(original, values) if _CUT.intersection(found) else Row(original, values)


def is_neutralised(file: Source) -> bool:
    """Return whether the cells of a file of rejects were kept from being run as formulas."""
    return file.delimiter is not None or file.typed_cells


def part_row(row: Mapping[str, Any], *, neutralised: bool) -> tuple[dict[str, Any], list[str]]:
    """Return a row of a file of rejects as it was in the source, and the texts of `ERROR_COLUMNS`."""
    values = {name: value for name, value in row.items() if name not in ERROR_COLUMNS}
    texts = [_text(row.get(name)) for name in ERROR_COLUMNS]
    if neutralised:
        values = {
            name: restore_cell(cell) if isinstance(cell, str) else cell for name, cell in values.items()
        }
        texts = [restore_cell(text) for text in texts]
    return values, texts


def _hold_back(number: int, values: Mapping[str, Any]) -> Reject:
    message = "the row had cells that belong to no column, or too few, and is not marked as correct yet"
    problem = Issue("ragged-row", message, "", "correct the row, and empty its cell in `_error_code`")
    return Reject(number, None, (problem,), values)


def _text(value: Any) -> str:
    """Return the text of a cell about an error; a spreadsheet may have made a number of it."""
    return "" if value is None else str(value).removesuffix(".0")
