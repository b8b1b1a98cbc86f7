"""Files by a pattern such as `export/**/*.csv`, and a folder of files as a source: a row for each file.

Links are never followed. A row holds what the file system says of a file; nothing in the file is read.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.records import Reject, Row
from opusmap.source_options import SourceOptions
from opusmap.sources.changes import FileChange, FileState, Watch, as_time, make_state
from opusmap.sources.source import Format, Source
from opusmap.sources.text_io import Input
from opusmap.wording import quote_value

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
"""`path` and `folder` are relative to the folder read, with `/`; `size` is in bytes; times are in UTC."""

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern in two parts: the folder without wildcards, and a part for each level below it.

    Without parts it matches every file below the folder.
    """

    folder: Path
    parts: tuple[str, ...] = ()

    def matches(self, names: Sequence[str]) -> bool:
        """Return whether a file matches, given by its names from `folder` on."""
        return not self.parts or _matches(names, self.parts)

    def walk(self) -> Iterator[tuple[os.DirEntry[str], tuple[str, ...]] | OSError]:
        """Yield the files and links that match, each with its names from `folder` on, sorted by name.

        A folder that can't be read gives its error.
        """
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            above = waiting.pop()
            try:
                with os.scandir(self.folder.joinpath(*above)) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                yield error
                continue
            below = []
            for entry in entries:
                names = (*above, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    below.append(names)
                elif self.matches(names):
                    yield entry, names
            waiting += reversed(below)


def is_pattern(path: str | Path) -> bool:
    """Return whether a path has wildcards; an existing file with such a name is not a pattern."""
    return bool(_MAGIC & set(str(path))) and not os.path.exists(path)  # noqa: PTH110 - it raises no error


def split_pattern(path: str | Path) -> Pattern:
    """Return a path as a pattern; a folder alone matches all its files."""
    parts = Path(path).parts
    plain = next((level for level, part in enumerate(parts) if _MAGIC & set(part)), len(parts))
    return Pattern(Path(*parts[:plain]), tuple(parts[plain:]))


def _matches(names: Sequence[str], parts: Sequence[str]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_matches(names[skip:], parts[1:] or ("*",)) for skip in range(len(names)))
    if not names or not fnmatch(names[0], parts[0]):
        return False
    hidden = names[0].startswith(".") and not parts[0].startswith(".")  # as in a shell
    return not hidden and _matches(names[1:], parts[1:])


class FolderSource(Source, Watch):
    """The files below a folder that match a pattern, in the order of their paths, numbered from 1.

    Symbolic links are rejects, and so are folders that can't be read.
    """

    columns = FOLDER_COLUMNS
    rereadable = True

    def __init__(self, name: str, pattern: Pattern) -> None:
        self.name = name
        self._pattern = pattern
        self._first: FileState | None = None
        self.watch = self
        if not pattern.folder.is_dir():
            problem = f"there is no folder {quote_value(str(pattern.folder))}"
            raise SourceError(name, "source-unreadable", problem, help="name a folder that exists")

    def rows(self) -> Iterator[Row | Reject]:
        """Yield a row for each file; see `Source.rows`."""
        listing = _Listing()
        for number, found in enumerate(self._pattern.walk(), 1):
            if isinstance(found, OSError):
                path = PurePath(os.path.relpath(str(found.filename), self._pattern.folder)).as_posix()
                yield _reject(number, path, f"it can't be read: {found.strerror}")
            else:
                listing.add(*found)
                yield _row(number, *found)
        self._first = self._first or listing.state()

    def changes(self) -> tuple[FileChange, ...]:
        """Return the folder if its list of files, or a size or time, has changed since the rows were read."""
        if self._first is None:
            return ()
        listing = _Listing()
        for found in self._pattern.walk():
            if not isinstance(found, OSError):
                listing.add(*found)
        now = listing.state()
        return () if now == self._first else (FileChange(self.name, self._first, now),)

    def place(self, number: int, column: str | None = None) -> str:  # noqa: ARG002 - cells have no names
        """Return `file 7`, in the order of the paths."""
        return f"file {number}"


class _Listing:
    """The state of any number of files: only their sum and a hash are kept."""

    def __init__(self) -> None:
        self._digest, self._size, self._modified = hashlib.sha256(), 0, 0.0

    def add(self, entry: os.DirEntry[str], names: Sequence[str]) -> None:
        """Add a file."""
        seen: tuple[int, ...] = ()
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            pass
        else:
            seen = (found.st_size, found.st_mtime_ns)
            self._size += found.st_size
            self._modified = max(self._modified, found.st_mtime)
        self._digest.update(repr((names, seen)).encode("utf-8", "surrogateescape"))

    def state(self) -> FileState:
        """Return the bytes of all files, the last change of any, and the hash of the list."""
        return make_state(self._size, self._modified, self._digest.hexdigest())


def _row(number: int, entry: os.DirEntry[str], names: tuple[str, ...]) -> Row | Reject:
    path = "/".join(names)
    if entry.is_symlink():
        return _reject(number, path, "it is a symbolic link, and links are not followed")
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError as error:
        return _reject(number, path, f"its properties can't be read: {error.strerror}")
    created: float | None = getattr(found, "st_birthtime", None)  # Linux does not tell
    if created is None and sys.platform == "win32":
        created = found.st_ctime
    plain = PurePath(entry.name)
    values: dict[str, Any] = {
        "path": path,
        "folder": "/".join(names[:-1]),
        "name": entry.name,
        "stem": plain.stem,
        "extension": plain.suffix.lower().removeprefix("."),
        "size": found.st_size,
        "created": as_time(created),
        "modified": as_time(found.st_mtime),
        "accessed": as_time(found.st_atime),
        "owner": _owner(getattr(found, "st_uid", -1)),
    }
    return Row(number, values)


def _reject(number: int, path: str, message: str) -> Reject:
    hint = "remove it, or put a copy of the file there"
    problem = Issue("source-unreadable", f"{quote_value(path)}: {message}", "path", hint)
    return Reject(number, None, (problem,), {"path": path})


@cache
def _owner(number: int) -> str | None:
    """Return the name of a user, or the number of one without a name; None on Windows."""
    if number < 0 or sys.platform == "win32":
        return None
    import pwd  # noqa: PLC0415 - Windows has none

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def open_folder(input: Input, options: SourceOptions) -> Source:
    """Open a folder, or a pattern of files, as a source with a row for each file.

    Raises:
        SourceError: `source-unreadable`; `wrong-option`: `file_column` is given.
    """
    if not isinstance(input.origin, Path):
        problem = "the files of a stream or an address can't be listed"
        raise SourceError(input.name, "source-unreadable", problem, help="name a folder")
    if options.file_column is not None:
        problem = "`file_column` is for rows that come from files; a folder's rows have `path` and `name`"
        raise SourceError(input.name, "wrong-option", problem, help="remove `file_column` from `source:`")
    pattern = split_pattern(input.origin) if is_pattern(input.origin) else Pattern(input.origin)
    return FolderSource(input.name, pattern)


FORMAT = Format(name="files", title="a folder of files", suffixes=(), options=(), open=open_folder)
