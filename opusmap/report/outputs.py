"""Files that a run writes: created fresh, readable by their owner alone, never through a link.

Owns creating them safely: fresh, readable by their owner alone, never through a symbolic link.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import msgspec

from opusmap.errors import SettingsError
from opusmap.records import Record, RecordLines

__all__ = ["RecordWriter", "check_output", "create_output"]


_BUFFER = 1 << 16
"""Bytes that are written to a file at a time: a request's body alone would fill Python's own buffer."""


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


def check_output(path: Path) -> None:
    """Refuse a place where a file could not be created later on.

    Raises:
        SettingsError: it is a symbolic link, or its folder is not there.
    """
    if path.is_symlink():
        raise SettingsError(str(path), "this is a symbolic link", "name the file itself")
    if not path.parent.is_dir():
        raise SettingsError(str(path), "there is no such folder", "make the folder first")


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
    return os.fdopen(os.open(path, flags, 0o600), "wb", _BUFFER)


class RecordWriter:
    """Writes records as JSON Lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._encode_lines = msgspec.json.Encoder().encode_lines

    def write(self, records: Iterable[Record]) -> None:
        """Write records, a line each."""
        if isinstance(records, RecordLines):
            self._file.write(records.lines)
            return
        self._file.write(self._encode_lines([record.values for record in records]))
