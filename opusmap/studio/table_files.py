"""Lookup tables in CSV files: entries set in place, every other cell byte for byte as it was.

Owns the spans of a CSV file's cells. Which file a table is read from, and how, the mapping says.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from opusmap.edits.patches import TextEdit, replace_spans
from opusmap.errors import SettingsError
from opusmap.mapping.tables import SIZE_LIMIT
from opusmap.safe_files import UnreadableFile, read_bytes
from opusmap.studio.file_changes import FileChange, Span
from opusmap.wording import quote_value

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
        data: its bytes.
        text: the same as text, with line breaks as they are, without a byte-order mark.
        key: the column with the keys. value: the column with the values.
        delimiter, quote, encoding: as the table's keys of these names.
    """

    path: Path
    data: bytes
    text: str
    key: str
    value: str
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"

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
        table = cls(path, data, text, key, value, delimiter, quote, encoding)
        header = [one.text for one in table._header()]
        missing = [name for name in (key, value) if header.count(name) != 1]
        if missing:
            problem = f"the table's file has no column {missing[0]!r}, or has it twice"
            raise SettingsError(str(path), problem, "compare `key` and `value` with the file's first row")
        return table

    @property
    def sha256(self) -> str:
        """The hash of its bytes."""
        return hashlib.sha256(self.data).hexdigest()

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

    def set(self, entries: Mapping[str, str]) -> FileChange:
        """Return the change that sets some entries: a known key gets its value, another one a new row.

        Raises:
            SettingsError: a row of one of the keys lacks the cell of its value, or a value can't be written
                in the file's encoding.
        """
        edits = self._edit(entries)
        return FileChange.of(self.path, self.data, self._apply(edits), self._find_spans(edits))

    def _edit(self, entries: Mapping[str, str]) -> list[TextEdit]:
        """Return the edits of the text, in order, that set some entries; see `set`."""
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
        return edits

    def _apply(self, edits: Iterable[TextEdit]) -> bytes:
        """Return the file's bytes after edits of its text."""
        mark = _MARK if self.data.startswith(_MARK) else b""
        try:
            return mark + replace_spans(self.text, edits).encode(self.encoding)
        except UnicodeEncodeError as error:
            problem = f"{quote_value(error.object[error.start])} can't be written in {self.encoding}"
            raise SettingsError(str(self.path), problem, "save the file as UTF-8 first") from None

    def _find_spans(self, edits: Iterable[TextEdit]) -> Iterator[Span]:
        """Yield the bytes that each edit replaces, in an encoding in which each character has its own."""
        encode = codecs.getincrementalencoder(self.encoding)().encode  # one mark for UTF-16, at the beginning
        at, byte = 0, len(_MARK) if self.data.startswith(_MARK) else 0
        for start, end, new in edits:
            byte += len(encode(self.text[at:start]))
            old = encode(self.text[start:end])
            yield Span(byte, old, encode(new))
            at, byte = end, byte + len(old)

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


def make_csv_table(path: Path, key: str, value: str, entries: Mapping[str, str]) -> FileChange:
    """Return the change that makes a new table's file, UTF-8 with commas."""
    header = f"{key},{value}\n"
    empty = CsvTable(path, header.encode(), header, key, value)
    return FileChange.of(path, None, empty._apply(empty._edit(entries)))  # noqa: SLF001 - as `set`, without a file
