"""The formats of a file of rejects: CSV, a workbook, JSON Lines. Each writes a row as soon as it comes.

Owns how each writes values, and what keeps a spreadsheet from running a cell (OWASP, "CSV Injection").
Which format a source's rejects have is decided in `writer`.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any, Protocol

import msgspec

_SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""What begins a formula. The last four are the full-width forms, which some programs take for the others."""
_FORMULA = re.compile(f"'*[{re.escape(_SIGNS)}]")
_FIRST = frozenset(f"'{_SIGNS}")


def neutralise(cell: str) -> str:
    """Return a cell as a spreadsheet shows it without running it: an apostrophe before what begins a formula.

    `restore_cell` gives back exactly what was given.
    """
    return "'" + cell if cell[:1] in _FIRST and _FORMULA.match(cell) else cell


def restore_cell(cell: str) -> str:
    """Take back what `neutralise` did."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class Shape(Protocol):
    """A file that is being written. `reasons` are the columns about what is wrong, in their order."""

    def write(self, values: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
        """Write one row."""

    def close(self) -> None:
        """Write what is left, and close the file."""


class _Written:
    """A file in which each row is written at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CellShape(_Written):
    """CSV: UTF-8 with a byte-order mark, so that Excel opens it right; cells are neutralised."""

    def __init__(
        self, file: IO[bytes], columns: Sequence[str], reasons: Sequence[str], delimiter: str
    ) -> None:
        super().__init__(file)
        self._columns = columns
        file.write(codecs.BOM_UTF8)
        text = codecs.getwriter("utf-8")(file, _LONE_SURROGATES)
        self._rows = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
        self._rows.writerow([*columns, *reasons])

    def write(self, values: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
        """Write one row; see `Shape`."""
        cells = [str(values.get(column, "")) for column in self._columns]
        self._rows.writerow([neutralise(cell) for cell in (*cells, *reasons.values())])
        self._file.flush()


class LineShape(_Written):
    """JSON Lines: every value exactly as it was."""

    def write(self, values: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
        """Write one line; see `Shape`."""
        self._file.write(encode_cells({**values, **reasons}) + b"\n")
        self._file.flush()


class WorkbookShape:
    """XLSX: numbers, dates and booleans stay such, texts are neutralised.

    A workbook can be read only when it is whole: rows wait in a temporary file until it is closed.
    """

    def __init__(self, file: IO[bytes], columns: Sequence[str], reasons: Sequence[str]) -> None:
        import xlsxwriter  # noqa: PLC0415 - an extra; `RejectWriter` has looked for it

        self._file = file
        self._columns = columns
        self._header = (*columns, *reasons)
        self._book = xlsxwriter.Workbook(file, {"constant_memory": True})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._add_sheet()

    def write(self, values: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
        """Write one row; see `Shape`."""
        if self._row > _LAST_ROW:
            self._add_sheet()
        cells = [values.get(column) for column in self._columns]
        for place, value in enumerate((*cells, *reasons.values())):
            self._write_cell(place, value)
        self._row += 1

    def close(self) -> None:
        """Put the workbook together and close the file."""
        from xlsxwriter.exceptions import FileCreateError  # noqa: PLC0415 - an extra

        try:
            self._book.close()
        except FileCreateError as error:
            raise error.args[0] from None  # the system's own
        finally:
            self._file.close()

    def _add_sheet(self) -> None:
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        for place, name in enumerate(self._header):
            self._sheet.write_string(0, place, _printable(name))
        self._row = 1

    def _write_cell(self, place: int, value: Any) -> None:
        where = (self._row, place)
        if value is None or value == "":
            return
        if isinstance(value, bool):
            self._sheet.write_boolean(*where, value)
        elif isinstance(value, int | float | Decimal) and _is_exact(value):
            self._sheet.write_number(*where, float(value))
        elif isinstance(value, datetime) and value.tzinfo is None and value.year >= _FIRST_YEAR:
            self._sheet.write_datetime(*where, value, self._time)
        elif isinstance(value, date) and not isinstance(value, datetime) and value.year >= _FIRST_YEAR:
            self._sheet.write_datetime(*where, value, self._day)
        else:
            self._sheet.write_string(*where, _printable(neutralise(str(value)))[:_LONGEST])


_LAST_ROW = (1 << 20) - 1
_LONGEST = (1 << 15) - 1
"""Characters of a cell, at most (Excel's specifications and limits)."""
_FIRST_YEAR = 1900
_DIGITS = 15
"""Digits of a number that Excel keeps."""

_encode_line = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


def encode_cells(values: Mapping[str, Any]) -> bytes:
    """Return a row's cells as a JSON object, every value exactly as it was."""
    try:
        return _encode_line(values)
    except UnicodeEncodeError:
        return _encode_line(_printable(values))


def _is_exact(value: float | Decimal) -> bool:
    """Return whether a workbook holds this number as it is, rather than one close by."""
    digits = Decimal(repr(value) if isinstance(value, float) else value).normalize().as_tuple()
    return isinstance(digits.exponent, int) and len(digits.digits) <= _DIGITS and abs(digits.exponent) < 300  # noqa: PLR2004


_LONE_SURROGATES = "backslashreplace"
"""How a lone surrogate, which no UTF-8 file can hold, is written: as an escape."""


def _printable(value: Any) -> Any:
    """Return plain data without lone surrogates."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", _LONE_SURROGATES).decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value
