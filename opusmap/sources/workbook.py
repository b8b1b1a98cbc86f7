"""Workbooks: one sheet's rows out of `.xlsx`, `.xlsm`, `.xlsb`, `.xls` or `.ods`, by python-calamine.

Owns what a cell's value is and where it stands. The reading itself happens in a process of its own
(`workbook_child`), after a look into the package (`workbook_scan`), so that a hostile workbook is refused
and nothing else is harmed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import msgspec

from opusmap.errors import SourceError
from opusmap.issues import quote_value, suggest
from opusmap.records import Problem, Reject, Row
from opusmap.sources.source import Source
from opusmap.sources.tabular import check_columns, load_extra
from opusmap.sources.text_io import Input
from opusmap.sources.workbook_child import DATE
from opusmap.sources.workbook_scan import column_letters, errors_of_sheet, scan_workbook

__all__ = ["WorkbookSource"]

MEMORY_FREE, MEMORY_RATIO = 320 << 20, 6
"""Address space of the reading process, at most: so many bytes, and so many times the unpacked workbook."""

XLS_RATIO = 60
"""The same for a workbook that is not packed."""

SAMPLE_ROWS = 1_000
"""Rows looked at to tell columns of times from those of days."""

_Cells = list[Any]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A sheet that is being read: its name, and its rows with their numbers."""

    sheet: str
    rows: Iterator[tuple[int, _Cells]]


class WorkbookSource(Source):
    """The rows of one sheet, with the numbers that a spreadsheet program shows.

    Hidden rows and columns count as any other. Whole numbers come without `.0`, others with at most 15
    digits, as Excel keeps them; dates and times as such, and a day in a column of times as its midnight; a
    formula's result as it was saved; an error such as `#N/A` as that text. A value in a column without a
    name makes its row a reject.
    """

    typed_cells = True

    def __init__(self, input: Input, *, sheet: str | None, header_row: int, columns: tuple[str, ...]) -> None:
        self.name = input.name
        self.rereadable = True
        self._until = ExitStack()
        self._sheet, self._header_row, self._given = sheet or "", header_row, columns
        if header_row < 1:
            raise SourceError(
                self.name, "wrong-option", "`header_row` must be 1 or more", help="see `source:`"
            )
        if find_spec("python_calamine") is None:
            load_extra("python_calamine", "excel", "an Excel or OpenDocument workbook", input.name)
        try:
            self._path = input.as_file(self._until)
            self._scan = scan_workbook(self._path, self.name)
            self._first: _Opened | None = self._open()
            self.columns, self._places = self._read_header(self._first)
        except BaseException:
            self.close()
            raise
        self.notes = (f"the sheet is {quote_value(self._first.sheet)}",)

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows that are not blank; see `Source.rows`."""
        opened, self._first = self._first, None
        if opened is None:
            opened = self._open()
            if self._read_header(opened) != (self.columns, self._places):
                raise SourceError(self.name, "source-changed", "the file was changed while it was being read")
        return self._rows(opened)

    def place(self, number: int, column: str | None = None) -> str:
        """Return `cell B7`, or `row 7` where no column is meant."""
        if self.columns is None or column not in self.columns:
            return f"row {number}"
        place = self._places[self.columns.index(column)]
        return f"cell {column_letters(place + 1)}{number}"

    def close(self) -> None:
        """End the reading processes, and remove what was copied."""
        self._until.close()

    def _rows(self, opened: _Opened) -> Iterator[Row | Reject]:
        columns, places = self.columns or (), self._places
        in_order = places == tuple(range(len(places)))
        sample = list(islice(opened.rows, SAMPLE_ROWS))
        timed = {
            place for _, cells in sample for place, cell in enumerate(cells) if cell.__class__ is datetime
        }
        for number, cells in chain(sample, opened.rows):
            for place in timed:
                if cells[place].__class__ is date:  # midnight, which calamine takes for a day
                    cells[place] = datetime.combine(cells[place], time())
            if in_order and len(cells) == len(places):
                kept = cells
            else:
                width = len(cells)
                kept = [cells[place] if place < width else None for place in places]
            plain = [_plain_number(cell) if cell.__class__ is float else cell for cell in kept]
            values = dict(zip(columns, plain, strict=True))
            if kept is not cells and (stray := self._stray(number, cells)):
                yield Reject(number, None, (stray,), values)
            elif any(cell is not None for cell in plain):
                yield Row(number, values)

    def _stray(self, number: int, cells: _Cells) -> Problem | None:
        """Return what is wrong with a row that has a value where no column has a name."""
        known = set(self._places)
        for place, cell in enumerate(cells):
            if cell is not None and place not in known:
                where = f"{column_letters(place + 1)}{number}"
                message = f"cell {where} holds {quote_value(cell)}, and its column has no name in the header"
                return Problem("", "ragged-row", message, "name the column, or clear the cell")
        return None

    def _read_header(self, opened: _Opened) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return the names of the columns and where each stands in a row's cells."""
        if self._given:
            check_columns(self.name, self._given)
            return self._given, tuple(range(len(self._given)))
        row = self._header_row
        cells = next((cells for number, cells in opened.rows if number == row), [])
        names = ["" if cell is None else _heading(cell) for cell in cells]
        named = tuple(place for place, name in enumerate(names) if name.strip())
        if not named:
            problem = f"row {row} of the sheet, where the column names should stand, is blank"
            hint = "say which row holds the column names: `header_row` under `source:`"
            raise SourceError(self.name, "no-header", problem, row, hint)
        columns = tuple(names[place] for place in named)
        check_columns(self.name, columns, row)
        return columns, named

    def _open(self) -> _Opened:
        """Start a process that reads the sheet, and return it as it comes."""
        memory = (
            MEMORY_FREE + XLS_RATIO * self._path.stat().st_size
            if self._scan is None
            else MEMORY_FREE + MEMORY_RATIO * self._scan.unpacked
        )
        command = [sys.executable, "-P", str(Path(__file__).with_name("workbook_child.py"))]
        command += [str(self._path.resolve()), self._sheet, str(memory)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
        self._until.callback(_end, child)
        assert child.stdout is not None
        frames = self._frames(child.stdout)
        head = next(frames)
        if "error" in head:
            raise self._refusal(head)
        numbered = enumerate(chain.from_iterable(frames), 1)
        errors = errors_of_sheet(self._path, self._scan, head["sheet"]) if self._scan else {}
        return _Opened(head["sheet"], _with_errors(numbered, errors) if errors else numbered)

    def _frames(self, stream: IO[bytes]) -> Iterator[Any]:
        """Yield frames up to the empty one.

        Raises:
            SourceError: `source-damaged`: the process broke off.
        """
        while True:
            length = stream.read(4)
            data = stream.read(int.from_bytes(length, "big")) if len(length) == 4 else b""  # noqa: PLR2004
            if not data:
                problem = "the workbook can't be read: it is damaged, or not what its name says"
                hint = "open it in Excel and save it anew, or save the sheet as CSV and map that"
                raise SourceError(self.name, "source-damaged", problem, help=hint)
            frame = msgspec.msgpack.decode(data, ext_hook=_date)
            if not frame:
                return
            yield frame

    def _refusal(self, head: dict[str, Any]) -> SourceError:
        if head["error"] == "unknown-sheet":
            names = head["sheets"]
            known = ", ".join(quote_value(name, 40) for name in names[:12])
            problem = f"the workbook has no sheet {quote_value(self._sheet)}" if names else "it has no sheets"
            hint = suggest(self._sheet, names) or f"sheets: {known}"
            return SourceError(self.name, "unknown-sheet", problem, help=hint)
        if head["error"] == "password":
            problem, hint = "the workbook is protected by a password", "save it without one"
        else:
            problem = f"the workbook can't be read: {head['reason']}"
            hint = "open it in Excel and save it anew, or save the sheet as CSV and map that"
        return SourceError(self.name, "source-damaged", problem, help=hint)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    if child.stdout is not None:
        child.stdout.close()
    child.wait()


def _with_errors(
    rows: Iterator[tuple[int, _Cells]], errors: dict[tuple[int, int], str]
) -> Iterator[tuple[int, _Cells]]:
    """Put the text of an error where calamine gives nothing."""
    by_row: dict[int, list[tuple[int, str]]] = {}
    for (row, column), text in errors.items():
        by_row.setdefault(row, []).append((column, text))
    for number, cells in rows:
        for column, text in by_row.get(number, ()):
            if column <= len(cells) and cells[column - 1] is None:
                cells[column - 1] = text
        yield number, cells


def _date(code: int, data: memoryview) -> date:
    text = bytes(data).decode()
    return date.fromisoformat(text) if code == DATE else datetime.fromisoformat(text)


def _plain_number(value: float) -> int | Decimal:
    """Return a cell's number with the 15 digits that Excel keeps, whole ones without a fraction."""
    if value.is_integer() and abs(value) < _EXACT:
        return int(value)
    number = Decimal(format(value, ".15g"))
    return int(number) if number == number.to_integral_value() else number


_EXACT = 10**15


def _heading(cell: Any) -> str:
    return str(_plain_number(cell) if cell.__class__ is float else cell)
