"""Files that a run writes: records, request bodies, rejects.

Owns creating them safely: fresh, readable by their owner alone, never through a symbolic link.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from opusmap.errors import SettingsError
from opusmap.records import Record, Reject

__all__ = ["RecordWriter", "RejectWriter", "create_output"]


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


class RejectWriter:
    """Writes rejects as JSON Lines; the file appears with the first of them.

    Each line holds the row's number, its key as far as it is known, its problems and its values.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.count = 0
        self._file: IO[bytes] | None = None
        self._encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode

    def write(self, reject: Reject) -> None:
        """Write one reject, a line."""
        if self._file is None:
            self._file = create_output(self.path)
        line: dict[str, Any] = {
            "row": reject.row,
            "key": reject.key,
            "problems": reject.problems,
            "values": dict(reject.values),
        }
        self._file.write(self._encode(_printable(line)) + b"\n")
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _printable(value: Any) -> Any:
    """Return plain data without lone surrogates, which no UTF-8 file can hold."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value
