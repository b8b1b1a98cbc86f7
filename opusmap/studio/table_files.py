"""Lookup tables in CSV files: entries set in place, every other cell byte for byte as it was.

Owns the spans of a CSV file's cells. Which file a table is read from, and how, the mapping says.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from opusmap.edits.patches import TextEdit, replace_spans
from opusmap.errors import SettingsError
from opusmap.mapping.tables import SIZE_LIMIT
from opusmap.output_files import write_whole
from opusmap.safe_files import UnreadableFile, read_bytes

__all__ = ["CsvTable", "make_csv_table"]

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text without quotes, and its place in the file's text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A table's file as it was read.

    Attributes:
        path: the file.
        text: its text, with line breaks as they are, without a byte-order mark.
        sha256: the hash of its bytes.
        key: the column with the keys. value: the column with the values.
        delimiter, quote, encoding: as the table's keys of these names.
        marked: whether a byte-order mark comes first.
    """

    path: Path
    text: str
    sha256: str
    key: str
    value: str
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    marked: bool = False

    @classmethod
    def read(
        cls, path: Path, key: str, value: str, delimiter: str = ",", quote: str = '"', encoding: str = "utf-8"
    ) -> CsvTable:
        """Read a table's file.

        Raises:
            SettingsError: it can't be read, is not text in this encoding, or lacks one of the two columns.
        """
        try:
            data = read_bytes(path, SIZE_LIMIT)
            text = data.removeprefix(_MARK).decode(encoding)
        except UnreadableFile as error:
            raise SettingsError(str(path), error.message, error.hint) from None
        except (UnicodeDecodeError, LookupError):
            hint = "edit it in the program that wrote it, or save it as UTF-8"
            raise SettingsError(str(path), f"this table's file is not text in {encoding}", hint) from None
        marked, digest = data.startswith(_MARK), hashlib.sha256(data).hexdigest()
        table = cls(path, text, digest, key, value, delimiter, quote, encoding, marked)
        header = [one.text for one in table._header()]
        missing = [name for name in (key, value) if header.count(name) != 1]
        if missing:
            problem = f"the table's file has no column {missing[0]!r}, or has it twice"
            raise SettingsError(str(path), problem, "compare `key` and `value` with the file's first row")
        return table

    def entries(self) -> dict[str, str]:
        """Return the values by their keys."""
        key, value = self._places()
        rows = self._rows()
        next(rows)
        return {
            row[key].text: row[value].text if len(row) > value else ""
            for row in rows
            if len(row) > key and row[key].text.strip()
        }

    def set(self, entries: Mapping[str, str]) -> CsvTable:
        """Return the file with some entries set: a key that is there gets its value, another one a new row.

        Raises:
            SettingsError: a row of one of the keys lacks the cell of its value.
        """
        key_at, value_at = self._places()
        rows = self._rows()
        width = len(next(rows))
        edits, left = [], dict(entries)
        for number, row in enumerate(rows, 2):
            key = row[key_at].text if len(row) > key_at else ""
            given = key if key in entries else key.strip()
            if given not in entries or not key.strip():
                continue
            left.pop(given, None)
            if len(row) <= value_at:
                problem = f"row {number} of the table, {given!r}, lacks the cell of {self.value!r}"
                raise SettingsError(str(self.path), problem, "complete this row in the file")
            cell = row[value_at]
            if cell.text != entries[given]:
                edits.append(TextEdit(cell.start, cell.end, self._quoted(entries[given])))
        lines = []
        for key, value in left.items():
            cells = [""] * width
            cells[key_at], cells[value_at] = self._quoted(key), self._quoted(value)
            lines.append(self.delimiter.join(cells))
        if lines:
            edits.append(TextEdit(len(self.text), len(self.text), self._appended(lines)))
        return self._with(replace_spans(self.text, edits))

    def write(self, changed: CsvTable) -> CsvTable:
        """Write this file as `set` returned it, in one step; return it as it is then.

        Raises:
            SettingsError: the file is not as it was read, or can't be written; it stays as it is.
        """
        data = (_MARK if self.marked else b"") + changed.text.encode(self.encoding)
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
            same = hashlib.sha256(read_bytes(self.path, SIZE_LIMIT)).hexdigest() == self.sha256
        except (OSError, UnreadableFile):
            same, mode = False, 0
        if not same:
            problem = "the table's file was changed by another program"
            raise SettingsError(str(self.path), problem, "look at the table again, and try again")
        with write_whole(self.path) as file:
            file.write(data)
            if hasattr(os, "fchmod"):  # Windows has none
                os.fchmod(file.fileno(), mode)
        return CsvTable.read(self.path, self.key, self.value, self.delimiter, self.quote, self.encoding)

    def copy(self) -> Path:
        """Copy the file, as it is on disk, to a new one beside it; return the copy.

        Raises:
            SettingsError: it can't be read or written.
        """
        path, number = self.path.with_name(f"{self.path.stem}.before{self.path.suffix}"), 2
        while os.path.lexists(path):
            path = self.path.with_name(f"{self.path.stem}.before-{number}{self.path.suffix}")
            number += 1
        try:
            data = read_bytes(self.path, SIZE_LIMIT)
        except UnreadableFile as error:
            raise SettingsError(str(self.path), error.message, error.hint) from None
        with write_whole(path, mode=0o644) as file:
            file.write(data)
        return path

    def _with(self, text: str) -> CsvTable:
        return CsvTable(
            self.path, text, self.sha256, self.key, self.value, self.delimiter, self.quote, self.encoding,
            self.marked,
        )  # fmt: skip

    def _header(self) -> list[Cell]:
        return next(self._rows(), [])

    def _places(self) -> tuple[int, int]:
        header = [one.text for one in self._header()]
        return header.index(self.key), header.index(self.value)

    def _appended(self, lines: list[str]) -> str:
        """Return new rows for the end of the file, with the line breaks that it has."""
        at = self.text.find("\n")
        newline = "\r\n" if self.text[at - 1 : at] == "\r" else "\n"
        ends = self.text.endswith("\n")
        return ("" if ends else newline) + newline.join(lines) + (newline if ends else "")

    def _quoted(self, text: str) -> str:
        plain = not any(one in text for one in (self.delimiter, self.quote, "\r", "\n"))
        if plain and text == text.strip():
            return text
        return self.quote + text.replace(self.quote, self.quote * 2) + self.quote

    def _rows(self) -> Iterator[list[Cell]]:
        """Yield the rows that are not blank, each with its cells."""
        row: list[Cell] = []
        for start, end, ends_row in self._spans():
            raw = self.text[start:end]
            if raw.startswith(self.quote):
                body = raw[1:].removesuffix(self.quote)
                raw = body.replace(self.quote * 2, self.quote)
            row.append(Cell(raw, start, end))
            if ends_row:
                if len(row) > 1 or row[0].text:
                    yield row
                row = []

    def _spans(self) -> Iterator[tuple[int, int, bool]]:
        """Yield where each cell begins and ends, and whether it is the last of its row."""
        start, quoted, at, text = 0, False, 0, self.text
        while at < len(text):
            char = text[at]
            if char == self.quote and (quoted or at == start):
                quoted = not quoted
                if not quoted and text[at + 1 : at + 2] == self.quote:
                    quoted, at = True, at + 1
            elif not quoted and char == self.delimiter:
                yield start, at, False
                start = at + 1
            elif not quoted and char in "\r\n":
                yield start, at, True
                at += text[at : at + 2] == "\r\n"
                start = at + 1
            at += 1
        if start < len(text):
            yield start, len(text), True


def make_csv_table(path: Path, key: str, value: str, entries: Mapping[str, str]) -> CsvTable:
    """Write a new table's file, UTF-8 with commas; return it.

    Raises:
        SettingsError: a file of this name is there, or it can't be written.
    """
    if os.path.lexists(path):
        raise SettingsError(str(path), "there is a file of this name already", "name another one")
    empty = CsvTable(path, f"{key},{value}\n", "", key, value)
    with write_whole(path, mode=0o644) as file:
        file.write(empty.set(entries).text.encode())
    return CsvTable.read(path, key, value)
