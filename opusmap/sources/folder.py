"""A folder's files as rows: what is known of each file, nothing of what is in it. For file shares.

Owns the columns that describe a file.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import PurePath
from typing import Any

from opusmap.errors import SourceError
from opusmap.issues import quote_value
from opusmap.records import Problem, Reject, Row
from opusmap.sources.changes import FileChange, FileState
from opusmap.sources.globs import Pattern, walk
from opusmap.sources.source import Source

__all__ = ["FOLDER_COLUMNS", "FolderSource"]

FOLDER_COLUMNS = (
    "path",
    "folder",
    "name",
    "stem",
    "extension",
    "size",
    "created",
    "modified",
    "accessed",
    "owner",
)
"""`path` and `folder` are relative to the folder read, with `/`; `size` is in bytes; times are UTC."""


class FolderSource(Source):
    """The files below a folder that a pattern meets, in the order of their paths, numbered from 1.

    Symbolic links are rejects, never followed; so are folders that can't be read.
    """

    columns = FOLDER_COLUMNS
    rereadable = True

    def __init__(self, name: str, pattern: Pattern) -> None:
        self.name = name
        self._pattern = pattern
        self._listed: FileState | None = None
        self.watch = self
        if not pattern.folder.is_dir():
            problem = f"there is no folder {quote_value(str(pattern.folder))}"
            raise SourceError(name, "source-unreadable", problem, help="name a folder that is there")

    def rows(self) -> Iterator[Row | Reject]:
        """Yield a row for each file; see `Source.rows`."""
        number, listing = 0, _Listing()
        for found in walk(self._pattern.folder):
            if isinstance(found, OSError):
                number += 1
                path = os.path.relpath(str(found.filename), self._pattern.folder)
                yield _reject(number, PurePath(path).as_posix(), f"it can't be read: {found.strerror}")
                continue
            entry, names = found
            if self._pattern.matches(names):
                number += 1
                listing.add(entry, names)
                yield _describe(number, entry, names)
        self._listed = self._listed or listing.state()  # of the first pass

    def begin(self) -> None:
        """Do nothing: the files are noted as they are listed."""

    def state(self, path: str) -> FileState | None:  # noqa: ARG002 - no file of it is read
        """Return None."""
        return None

    def changes(self) -> tuple[FileChange, ...]:
        """Return whether the list of files, their sizes and times are others than when the rows were read."""
        if self._listed is None:
            return ()
        listing = _Listing()
        for found in walk(self._pattern.folder):
            if not isinstance(found, OSError) and self._pattern.matches(found[1]):
                listing.add(*found)
        now = listing.state()
        return () if now == self._listed else (FileChange(self.name, self._listed, now),)

    def place(self, number: int, column: str | None = None) -> str:  # noqa: ARG002 - cells have no names
        """Return `file 7`, counted in the order of the paths."""
        return f"file {number}"


class _Listing:
    """Files as they were listed: their number is not bounded, so a hash stands for them."""

    def __init__(self) -> None:
        self._digest, self._size, self._modified = hashlib.sha256(), 0, 0.0

    def add(self, entry: os.DirEntry[str], names: Sequence[str]) -> None:
        """Note a file."""
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            found = None
        seen = (found.st_size, found.st_mtime_ns) if found else ()
        self._digest.update(repr((names, seen)).encode("utf-8", "surrogateescape"))
        if found is not None:
            self._size += found.st_size
            self._modified = max(self._modified, found.st_mtime)

    def state(self) -> FileState:
        """Return the bytes of all files, the last change of any, and the hash of the list."""
        modified = _time(self._modified)
        text = "unknown" if modified is None else modified.isoformat(timespec="milliseconds")
        return FileState(self._size, text, self._digest.hexdigest())


def _describe(number: int, entry: os.DirEntry[str], names: tuple[str, ...]) -> Row | Reject:
    path = "/".join(names)
    if entry.is_symlink():
        return _reject(number, path, "it is a symbolic link, which is not followed")
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError as error:
        return _reject(number, path, f"it can't be looked at: {error.strerror}")
    plain = PurePath(entry.name)
    values: dict[str, Any] = {
        "path": path,
        "folder": "/".join(names[:-1]),
        "name": entry.name,
        "stem": plain.stem,
        "extension": plain.suffix.lower().removeprefix("."),
        "size": found.st_size,
        "created": _time(_birth(found)),
        "modified": _time(found.st_mtime),
        "accessed": _time(found.st_atime),
        "owner": _owner(getattr(found, "st_uid", -1)),
    }
    return Row(number, values)


def _reject(number: int, path: str, message: str) -> Reject:
    problem = Problem("path", "source-unreadable", f"{quote_value(path)}: {message}", "leave it, or copy it")
    return Reject(number, None, (problem,), {"path": path})


def _birth(found: os.stat_result) -> float | None:
    """Return when the file was made, where the system tells: Windows, macOS; Linux does not."""
    born: float | None = getattr(found, "st_birthtime", None)
    return found.st_ctime if born is None and sys.platform == "win32" else born


def _time(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


@cache
def _owner(number: int) -> str | None:
    """Return the name of a user where the system has a list of them (not Windows), else the number."""
    if number < 0 or sys.platform == "win32":
        return None
    import pwd  # noqa: PLC0415 - Windows has none

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
