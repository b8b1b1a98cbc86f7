"""Files of a source that change while it is read: what each was before and after.

Owns the comparison. A file that was touched, or replaced by its equal, has not changed: where size, times and
identity say that it may have, its hash decides.
"""

from __future__ import annotations

import hashlib
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from opusmap.errors import SourceError

__all__ = [
    "FileChange",
    "FileState",
    "FileWatch",
    "Watch",
    "describe_state",
    "find_changes",
    "hash_bytes",
    "is_logged_database",
]

_COARSE = 2_000_000_000
"""Nanoseconds within which a file system may give two changes the same time."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file was: its bytes, when it was changed last (ISO, UTC), its SHA-256 (None: not known)."""

    size: int
    modified: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that is not what it was: `before` is None where it is new, `after` where it is gone.

    For a folder of files, it is the folder: the bytes of all, the last change of any, the hash of the list.
    """

    path: str
    before: FileState | None
    after: FileState | None


class Watch(Protocol):
    """What tells how a source has changed since it was opened."""

    def begin(self) -> None:
        """Note what the files hold, before the first row is read."""

    def state(self, path: str) -> FileState | None:
        """Return what was noted of a file; None if nothing was."""

    def changes(self) -> tuple[FileChange, ...]:
        """Return what has changed since, by path."""


def find_changes(watch: Watch | None, error: SourceError | None = None) -> tuple[FileChange, ...]:
    """Return what has changed in a source.

    Raises:
        SourceError: the `error` that ended the reading, if one did, which says so if the source changed.
    """
    found = () if watch is None else watch.changes()
    if error is None:
        return found
    if not found or error.code == "source-changed":
        raise error
    raise replace(error, problem=f"{error.problem}; and the source was changed while it was being read")


class _Stamp(NamedTuple):
    size: int
    modified: int
    identity: tuple[int, int]
    changed: int  # on POSIX also when the other time was set by hand; on Windows when it was made


class FileWatch:
    """The files of a source, from the moment that it is made on: make it before the files are opened.

    What is no regular file is not watched. `list_again` gives the files that there are at the end, where they
    were found by a pattern. A reader that sees a `snapshot` is safe from all but another file in its place.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        list_again: Callable[[], Iterable[Path]] | None = None,
        *,
        snapshot: bool = False,
    ) -> None:
        found = ((str(path), _stamp(path)) for path in paths)
        self._stamps = {path: stamp for path, stamp in found if stamp is not None}
        self._list_again = list_again
        self._snapshot = snapshot
        self._hashes: dict[str, str | None] = {}
        self._made = time.time_ns()

    def begin(self) -> None:
        """Hash the files. One that is not any more what it was has no hash."""
        for path, stamp in self._stamps.items():
            found = hash_bytes(path)
            self._hashes[path] = found if _stamp(path) == stamp else None

    def state(self, path: str) -> FileState | None:
        """Return what a file was when it was opened."""
        stamp = self._stamps.get(path)
        return None if stamp is None else _state(stamp, self._hashes.get(path))

    def changes(self) -> tuple[FileChange, ...]:
        """Return the files that are not what they were when they were opened."""
        found = [self._compare(path, stamp) for path, stamp in self._stamps.items()]
        for path in () if self._list_again is None else self._list_again():
            after = None if str(path) in self._stamps else _stamp(path)
            if after is not None:
                found.append(FileChange(str(path), None, _state(after, hash_bytes(path))))
        return tuple(change for change in found if change is not None)

    def _compare(self, path: str, stamp: _Stamp) -> FileChange | None:
        before, after = self.state(path), _stamp(path)
        if after is None:
            return FileChange(path, before, None)
        if after.identity == stamp.identity and self._snapshot:
            return None
        known = self._hashes.get(path)
        if after == stamp and (known is None or stamp.modified < self._made - _COARSE):
            return None
        hashed = hash_bytes(path)
        return None if hashed == known is not None else FileChange(path, before, _state(after, hashed))


def describe_state(state: FileState | None) -> str:
    """Return what a file was, as words."""
    if state is None:
        return "not there"
    hashed = "hash not known" if state.sha256 is None else f"SHA-256 {state.sha256}"
    return f"{state.size:,} bytes, changed {state.modified}, {hashed}"


def hash_bytes(path: str | Path) -> str | None:
    """Return the SHA-256 of a file; None if it can't be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def is_logged_database(path: Path) -> bool:
    """Tell whether a file is an SQLite database that is written through a log beside it (WAL).

    Then a query sees what was there when it began, and what changes in the file are only its checkpoints.
    """
    try:
        with path.open("rb") as file:
            head = file.read(20)
    except (OSError, ValueError):
        return False
    return head.startswith(b"SQLite format 3\0") and head[18:20] == b"\x02\x02"


def _stamp(path: str | Path) -> _Stamp | None:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return _Stamp(found.st_size, found.st_mtime_ns, (found.st_dev, found.st_ino), found.st_ctime_ns)


def _state(stamp: _Stamp, sha256: str | None) -> FileState:
    return FileState(stamp.size, _iso(stamp.modified), sha256)


def _iso(nanoseconds: int) -> str:
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, OSError, ValueError):
        return "unknown"
