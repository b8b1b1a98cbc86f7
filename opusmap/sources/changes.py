"""Files of a source that change while it is read: the state of each before and after.

A file that was only touched, or replaced by an equal one, has not changed: where size, times or identity
differ, the hash decides.
"""

from __future__ import annotations

import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from opusmap.errors import SourceError
from opusmap.output_files import hash_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COARSE = 2_000_000_000
"""Nanoseconds within which a file system may give two changes the same time."""


@dataclass(frozen=True, slots=True)
class FileState:
    """The state of a file: its size in bytes, its last change (ISO, UTC), its SHA-256 (None: unknown)."""

    size: int
    modified: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that changed: `before` is None if it is new, `after` if it is gone.

    For a folder of files it is the folder: the bytes of all, the last change of any, the hash of the list.
    """

    path: str
    before: FileState | None
    after: FileState | None


class Watch(ABC):
    """Tells how a source has changed since it was opened."""

    def begin(self) -> None:  # noqa: B027 - not every watch needs it
        """Note the content of the files, before the first row is read."""

    def state(self, path: str) -> FileState | None:  # noqa: ARG002 - no single file may be read
        """Return the state of a file when it was opened; None if it is not watched."""
        return None

    @abstractmethod
    def changes(self) -> tuple[FileChange, ...]:
        """Return what has changed since, by path."""


def find_changes(watch: Watch | None, error: SourceError | None = None) -> tuple[FileChange, ...]:
    """Return the files of a source that have changed.

    Raises:
        SourceError: the `error` that ended the reading, if any; if the source changed, it says so.
    """
    found = () if watch is None else watch.changes()
    if error is None:
        return found
    if not found or error.code == "source-changed":
        raise error
    raise replace(error, problem=f"{error.problem}; also, the source was changed while it was being read")


class _Stamp(NamedTuple):
    size: int
    modified: int
    identity: tuple[int, int]
    changed: int  # on POSIX it shows that `modified` was set by hand; on Windows it is the time of creation

    def state(self, sha256: str | None) -> FileState:
        return make_state(self.size, self.modified / 1e9, sha256)


class FileWatch(Watch):
    """Watches the files of a source from the moment it is made: make it before the files are opened.

    Only regular files are watched. Of an SQLite database in WAL mode a query sees a snapshot, so that only
    another file in its place is a change.

    Args:
        paths: the files.
        list_again: gives the files that a pattern matches at the end; None if there is no pattern.
    """

    def __init__(self, paths: Iterable[Path], list_again: Callable[[], Iterable[Path]] | None = None) -> None:
        found = ((str(path), _stamp(path)) for path in paths)
        self._stamps = {path: stamp for path, stamp in found if stamp is not None}
        self._snapshots = frozenset(path for path in self._stamps if _is_logged_database(path))
        self._list_again = list_again
        self._hashes: dict[str, str | None] = {}
        self._made = time.time_ns()

    def begin(self) -> None:
        """Hash the files; one that has changed already has no hash."""
        for path, stamp in self._stamps.items():
            found = hash_of(path)
            self._hashes[path] = found if _stamp(path) == stamp else None

    def state(self, path: str) -> FileState | None:
        """Return the state of a file when it was opened; None if it is not watched."""
        stamp = self._stamps.get(path)
        return None if stamp is None else stamp.state(self._hashes.get(path))

    def changes(self) -> tuple[FileChange, ...]:
        """Return the files that differ from when they were opened."""
        found = list[FileChange]()
        for path, stamp in self._stamps.items():
            before, after, known = self.state(path), _stamp(path), self._hashes.get(path)
            if after is None:
                found.append(FileChange(path, before, None))
                continue
            snapshot = after.identity == stamp.identity and path in self._snapshots
            old = known is None or stamp.modified < self._made - _COARSE
            if not snapshot and not (after == stamp and old):
                hashed = hash_of(path)
                if known is None or hashed != known:
                    found.append(FileChange(path, before, after.state(hashed)))
        for file in () if self._list_again is None else self._list_again():
            after = None if str(file) in self._stamps else _stamp(file)
            if after is not None:
                found.append(FileChange(str(file), None, after.state(hash_of(file))))
        return tuple(found)


def describe_state(state: FileState | None) -> str:
    """Return the state of a file as text."""
    if state is None:
        return "not there"
    hashed = "hash not known" if state.sha256 is None else f"SHA-256 {state.sha256}"
    return f"{state.size:,} bytes, changed {state.modified}, {hashed}"


def _is_logged_database(path: str) -> bool:
    """Return whether a file is an SQLite database that is written through a log beside it (WAL)."""
    try:
        with Path(path).open("rb") as file:
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


def make_state(size: int, modified: float, sha256: str | None) -> FileState:
    """Return a state, of which `modified` is a Unix timestamp in seconds."""
    time = as_time(modified)
    return FileState(size, "unknown" if time is None else time.isoformat(timespec="milliseconds"), sha256)


def as_time(seconds: float | None) -> datetime | None:
    """Return the time of a Unix timestamp, in UTC; None if `datetime` has no such time."""
    try:
        # Not `fromtimestamp`, which refuses times before 1970 on Windows.
        return None if seconds is None else _EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None
