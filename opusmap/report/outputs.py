"""Files that a run writes: records, request bodies, rejects.

Owns creating them safely: fresh, readable by their owner alone, never through a symbolic link.
"""

from __future__ import annotations

import codecs
import csv
import os
import re
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from opusmap.errors import SettingsError
from opusmap.records import Record, Reject
from opusmap.sources import Source

__all__ = ["ERROR_COLUMNS", "RecordWriter", "RejectWriter", "create_output", "neutralise", "restore_cell"]


def create_output(path: str | Path) -> IO[bytes]:
    """Open a file for writing; `-` is standard output, a device is written as it is.

    Raises:
        SettingsError: the path can't be written, or is a symbolic link.
    """
    name = str(path)
    if name == "-":
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    try:
        return _create(Path(path))
    except OSError as error:
        raise SettingsError(name, f"the file can't be written: {error.strerror or error}") from None


def _create(path: Path) -> IO[bytes]:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None:
        if stat.S_ISLNK(mode):
            raise SettingsError(str(path), "this is a symbolic link", "name the file itself")
        if not stat.S_ISREG(mode):
            return path.open("wb")
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


class RecordWriter:
    """Writes records as JSON Lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._encode = msgspec.json.Encoder().encode

    def write(self, record: Record) -> None:
        """Write one record, a line."""
        self._file.write(self._encode(record.values) + b"\n")


ERROR_COLUMNS = ("_row", "_error_column", "_error_code", "_error")
"""What a file of rejects has besides the source's own columns."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def neutralise(cell: str) -> str:
    """Return a cell as a spreadsheet shows it without running it: an apostrophe before what begins a formula.

    `restore_cell` gives back exactly what was given.
    """
    return "'" + cell if _FORMULA.match(cell) else cell


def restore_cell(cell: str) -> str:
    """Take back what `neutralise` did."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class RejectWriter:
    """Writes rejects as people can mend them: in the source's own shape, each with its reasons.

    A CSV source gives CSV with the same columns and delimiter (UTF-8 with a byte-order mark, so that
    Excel opens it right; cells neutralised), any other JSON Lines. The file appears with the first
    reject.
    """

    def __init__(
        self, path: str | Path, columns: Sequence[str] | None = None, delimiter: str | None = None
    ) -> None:
        self.path = Path(path)
        self.count = 0
        self._columns = tuple(columns or ())
        self._delimiter = delimiter
        self._file: IO[bytes] | None = None
        self._cells: Any = None

    @classmethod
    def beside(cls, base: Path, source: Source, given: str | None = None) -> RejectWriter:
        """Return the writer for a source's rejects: `given`, or `base` with `.rejects.csv` or `.jsonl`."""
        suffix = ".rejects.jsonl" if source.delimiter is None else ".rejects.csv"
        return cls(given or base.with_suffix(suffix), source.columns, source.delimiter)

    def write(self, reject: Reject) -> None:
        """Write one reject, a row or line."""
        if self._file is None:
            self._file = create_output(self.path)
            self._begin()
        problems = reject.problems
        reasons = [
            str(reject.row),
            "; ".join(dict.fromkeys(one.column for one in problems)),
            "; ".join(dict.fromkeys(one.code for one in problems)),
            "; ".join(
                dict.fromkeys(
                    f"{one.column}: {one.message}" if one.column else one.message for one in problems
                )
            ),
        ]
        if self._delimiter is None:
            line = {**reject.values, **dict(zip(ERROR_COLUMNS, reasons, strict=True))}
            self._file.write(_encode_line(_printable(line)) + b"\n")
        else:
            cells = [str(reject.values.get(column, "")) for column in self._columns]
            self._cells.writerow([_printable(neutralise(cell)) for cell in (*cells, *reasons)])
        self.count += 1

    def _begin(self) -> None:
        if self._delimiter is None:
            return
        assert self._file is not None
        self._file.write(b"\xef\xbb\xbf")
        text = codecs.getwriter("utf-8")(self._file)
        self._cells = csv.writer(text, delimiter=self._delimiter, lineterminator="\r\n")
        self._cells.writerow((*self._columns, *ERROR_COLUMNS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; an older one, of a run that had rejects, would mislead after one that had none."""
        if self._file is not None:
            self._file.close()
        elif self.path.is_file() and not self.path.is_symlink():
            self.path.unlink()


_encode_line = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


def _printable(value: Any) -> Any:
    """Return plain data without lone surrogates, which no UTF-8 file can hold."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value
