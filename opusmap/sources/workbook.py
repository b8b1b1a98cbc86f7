"""Workbooks: the rows of one sheet of an `.xlsx`, `.xlsm`, `.xlsb`, `.xls` or `.ods` file.

The workbook is checked first (`workbook_scan`), then read in a separate process (`workbook_child`), so
that a hostile one is refused and harms nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, time
from decimal import Decimal
from importlib.util import find_spec
from itertools import chain, islice
from math import inf
from pathlib import Path
from typing import Any

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.source_options import SourceOptions
from opusmap.sources.child import ChildFailed, read_frames
from opusmap.sources.damage import explain_workbook
from opusmap.sources.header import SAMPLE_ROWS as HEADER_ROWS
from opusmap.sources.header import (
    Header,
    choose_row,
    given_header,
    needs_sample,
    read_header,
    refuse_unnamed,
)
from opusmap.sources.source import Format, Source, load_extra
from opusmap.sources.text_io import Input
from opusmap.sources.workbook_child import DATE, DATETIME, Task
from opusmap.sources.workbook_scan import column_letters, errors_of_sheet, scan_workbook
from opusmap.wording import quote_names, quote_value, suggest

MEMORY_FREE, MEMORY_RATIO = 320 << 20, 6
"""Address space of the reading process, at most: bytes, and how many times the unpacked workbook."""

XLS_RATIO = 60
"""The ratio for a workbook that is not packed."""

SAMPLE_ROWS = 1_000
"""Rows that show whether a column has times or only days."""

_EXACT = 10**15
_ENDED = "the process that reads it ended, or would have taken too much memory"


class Workbook:
    """A workbook's file, checked, from which a sheet can be read again and again."""

    def __init__(self, input: Input, sheet: str) -> None:
        """Check a workbook.

        Args:
            input: the file.
            sheet: the sheet that is read, by its name or its number from 1; empty for the first.

        Raises:
            SourceError: it is not one that can be read.
        """
        self.name = input.name
        self._until = ExitStack()
        self._sheet = sheet
        if find_spec("python_calamine") is None:
            load_extra("python_calamine", "excel", "an Excel or OpenDocument workbook", input.name)
        try:
            self._path = input.as_file(self._until)
            self._scan = scan_workbook(self._path, self.name)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the reading processes, and remove the temporary copy."""
        self._until.close()

    def open(self) -> tuple[str, list[str], Iterator[tuple[int, list[Any]]]]:
        """Start a process that reads the sheet; return its name, those of all sheets, and numbered rows.

        Raises:
            SourceError: `unknown-sheet`, `source-damaged`; also while the rows are read.
        """
        if self._scan is None:
            memory = MEMORY_FREE + XLS_RATIO * self._path.stat().st_size
        else:
            memory = MEMORY_FREE + MEMORY_RATIO * self._scan.unpacked
        frames = self._frames(Task(str(self._path.resolve()), self._sheet, memory))
        sheet, sheets = next(frames)
        rows = enumerate(chain.from_iterable(frames), 1)
        errors = errors_of_sheet(self._path, self._scan, sheet) if self._scan else {}
        return sheet, sheets, _with_errors(rows, errors) if errors else rows

    def _frames(self, task: Task) -> Iterator[Any]:
        """Yield the frames of a process that does the task.

        Raises:
            SourceError: `unknown-sheet`, `source-damaged`.
        """
        program = Path(__file__).with_name("workbook_child.py")
        kinds = {DATE: date, DATETIME: datetime}

        def decode(kind: int, text: memoryview) -> date:
            return kinds[kind].fromisoformat(bytes(text).decode())

        try:
            yield from read_frames(program, task, inf, self._until, decode)
        except ChildFailed as failed:
            names = failed.details.get("sheets")
            if names:
                problem = f"the workbook has no sheet {quote_value(task.sheet)}"
                hint = suggest(task.sheet, names) or f"sheets: {quote_names(names)}"
                raise SourceError(self.name, "unknown-sheet", problem, help=hint) from None
            suffix, is_encrypted = Path(self.name).suffix.lower(), failed.error == "password"
            damage = explain_workbook(self._path, suffix, is_encrypted=is_encrypted)
            reason = _ENDED if names is None else "it has no sheets"
            problem = damage.describe("a workbook", failed.details.get("reason", reason))
            raise SourceError(self.name, "source-damaged", problem, help=damage.hint) from None


class WorkbookSource(Source):
    """The rows of one sheet, with the numbers that a spreadsheet program shows.

    Hidden rows and columns are read like others. Whole numbers come without `.0`, others with at most 15
    digits, as Excel keeps them; dates and times as such, and a day in a column of times as its midnight; a
    formula as the result that was saved; an error such as `#N/A` as that text. A value in a column without
    a name makes its row a reject.
    """

    typed_cells = True
    rereadable = True

    def __init__(self, input: Input, options: SourceOptions) -> None:
        self.name = input.name
        self._options = options
        self._workbook = Workbook(input, options.sheet or "")
        try:
            sheet, _, rows = self._workbook.open()
            self._header, rows = self._read_header(rows)
        except BaseException:
            self.close()
            raise
        self._first: Iterator[tuple[int, list[Any]]] | None = rows
        self.columns, self.header_row = self._header.columns, self._header.row
        self.notes = (f"the sheet is {quote_value(sheet)}", *filter(None, [self._header.note]))

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows that are not blank; see `Source.rows`."""
        rows, self._first = self._first, None
        if rows is None:
            *_, rows = self._workbook.open()
            header, rows = self._read_header(rows)
            if header != self._header:
                raise SourceError(self.name, "source-changed", "the file was changed while it was being read")
        return self._rows(rows)

    def place(self, number: int, column: str | None = None) -> str:
        """Return `cell B7`, or `row 7` without a column."""
        if self.columns is None or column not in self.columns:
            return f"row {number}"
        position = self._header.positions[self.columns.index(column)]
        return f"cell {column_letters(position + 1)}{number}"

    def close(self) -> None:
        """End the reading processes, and remove the temporary copy."""
        self._workbook.close()

    def _rows(self, rows: Iterator[tuple[int, list[Any]]]) -> Iterator[Row | Reject]:
        columns, positions = self._header.columns, self._header.positions
        named = set(positions)
        in_order = positions == tuple(range(len(positions)))
        sample = list(islice(rows, SAMPLE_ROWS))
        times = {at for _, cells in sample for at, cell in enumerate(cells) if cell.__class__ is datetime}
        for number, cells in chain(sample, rows):
            for at in times:
                if cells[at].__class__ is date:  # midnight, which calamine gives as a day
                    cells[at] = datetime.combine(cells[at], time())
            kept, width = cells, len(cells)
            if not in_order or width != len(positions):
                kept = [cells[at] if at < width else None for at in positions]
            plain = [_plain_number(cell) if cell.__class__ is float else cell for cell in kept]
            values = dict(zip(columns, plain, strict=True))
            odd = None
            if kept is not cells:
                unnamed = (at for at, cell in enumerate(cells) if cell is not None and at not in named)
                odd = next(unnamed, None)
            if odd is not None:
                yield refuse_unnamed(number, f"cell {column_letters(odd + 1)}{number}", cells[odd], values)
            elif any(cell is not None for cell in plain):
                yield Row(number, values)

    def _read_header(
        self, rows: Iterator[tuple[int, list[Any]]]
    ) -> tuple[Header, Iterator[tuple[int, list[Any]]]]:
        """Return the header, and the rows below it."""
        options, name = self._options, self.name
        sample = list(islice(rows, HEADER_ROWS)) if needs_sample(options) else []
        row = choose_row(name, options, [texts_of_cells(cells) for _, cells in sample])
        rows = chain(sample, rows)
        if not row:
            return given_header(name, options), rows
        last, cells = 0, list[Any]()
        while last < row and (following := next(rows, None)) is not None:
            last, cells = following
        if last < row:
            problem = f"the sheet ends at row {last}, before row {row}" if last else "the sheet is empty"
            hint = "write the row of the column names as `header_row` under `source:`"
            raise SourceError(name, "no-header", problem, help=hint)
        return read_header(name, options, row, texts_of_cells(cells)), rows


def texts_of_cells(cells: list[Any]) -> list[str]:
    """Return the cells of a row as texts, empty ones as empty texts."""
    plain = (_plain_number(cell) if cell.__class__ is float else cell for cell in cells)
    return ["" if cell is None else str(cell) for cell in plain]


def _with_errors(
    rows: Iterator[tuple[int, list[Any]]], errors: dict[tuple[int, int], str]
) -> Iterator[tuple[int, list[Any]]]:
    """Put the text of an error where calamine gives nothing."""
    by_row: dict[int, list[tuple[int, str]]] = {}
    for (row, column), text in errors.items():
        by_row.setdefault(row, []).append((column, text))
    for number, cells in rows:
        for column, text in by_row.get(number, ()):
            if column <= len(cells) and cells[column - 1] is None:
                cells[column - 1] = text
        yield number, cells


def _plain_number(value: float) -> int | Decimal:
    """Return a cell's number with the 15 digits that Excel keeps, whole ones without a fraction."""
    if value.is_integer() and abs(value) < _EXACT:
        return int(value)
    number = Decimal(format(value, ".15g"))
    return int(number) if number == number.to_integral_value() else number


FORMAT = Format(
    name="excel",
    title="a workbook",
    suffixes=(".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    options=("sheet", "header_row", "headers", "columns"),
    open=WorkbookSource,
    extra="excel",
)
