"""A disk whose power may fail: what was synced stays, of what was written since anything may be missing.

Owns what a file system promises, and no more: writes reach the platter in any order, torn between sectors,
unless a sync stood between. SQLite writes through a layer of its own for files (VFS), which `apsw` lets
a test stand in for; the journal's statements and settings are those of every run.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from opusmap.journal.journal_file import LONG, Log, Storage

SECTOR = 512


@dataclass(slots=True)
class _File:
    """A file's bytes as they are safe, and what was done to it since the last sync, in order."""

    safe: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes] | int] = field(default_factory=list)  # a write, or a new size

    def sync(self) -> None:
        for change in self.since:
            _apply(self.safe, change)
        self.since = []


def _apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del content[change:]
        return
    offset, data = change
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


@dataclass(frozen=True, slots=True)
class Image:
    """What the files hold after a power loss, by path."""

    files: dict[str, bytes]

    def restore(self) -> None:
        """Put the files as they are after the power loss."""
        for path, content in self.files.items():
            Path(path).write_bytes(content)
            Path(path + "-shm").unlink(missing_ok=True)
            if path + "-wal" not in self.files and not path.endswith("-wal"):
                Path(path + "-wal").unlink(missing_ok=True)


class Disk:
    """All files that are opened through it. It may fail at a write or sync, by their number."""

    def __init__(self, draw: random.Random) -> None:
        self.acts = 0  # writes, truncations and syncs so far
        self.syncs = 0
        self.fails_at: int | None = None
        self.on_failure: Callable[[], object] = lambda: None
        self.image: Image | None = None
        self.vfs = f"disk-{uuid.uuid4().hex}"
        self._draw = draw
        self._files: dict[str, _File] = {}
        self._layer = _Layer(self)

    def close(self) -> None:
        """Forget the layer; its connections must be closed."""
        self._layer.unregister()

    def load(self, path: str) -> None:
        """Take a file in as it is, all safe."""
        if path not in self._files:
            there = Path(path)
            self._files[path] = _File(bytearray(there.read_bytes() if there.exists() else b""))

    def act(self, path: str, change: tuple[int, bytes] | int | None) -> None:
        """Note a write or a truncation, or (None) a sync; the power may fail just before it."""
        self.acts += 1
        if self.fails_at is not None and self.acts >= self.fails_at and self.image is None:
            self.image = self.cut()
            self.on_failure()
        if change is None:
            self.syncs += 1
            self._files[path].sync()
        else:
            self._files[path].since.append(change)

    def delete(self, path: str) -> None:
        """Note a deletion."""
        self._files.pop(path, None)

    def cut(self) -> Image:
        """Return what is left if the power fails now."""
        return Image({path: bytes(self._survive(file)) for path, file in self._files.items()})

    def forget(self) -> None:
        """Take what the files hold for safe: the machine has started again."""
        self._files = {}
        self.image = None

    def _survive(self, file: _File) -> bytearray:
        content, draw = bytearray(file.safe), self._draw
        share = draw.choice((0.0, 0.5, 0.9, 1.0))
        for change in file.since:
            if isinstance(change, int):
                if draw.random() < share:
                    _apply(content, change)
                continue
            for sector in _sectors(*change):
                if draw.random() < share:
                    _apply(content, sector)
        return content


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield a write in pieces that are written whole or not at all."""
    place = 0
    while place < len(data):
        end = min(len(data), place + SECTOR - (offset + place) % SECTOR)
        yield offset + place, data[place:end]
        place = end


class _Layer(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.vfs, base="")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _Open(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001 - SQLite's
        super().xDelete(filename, syncdir)
        self._disk.delete(filename)


class _Open(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        disk.load(self._path)
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.act(self._path, (offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.act(self._path, newsize)
        super().xTruncate(newsize)

    def xSync(self, _flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.act(self._path, None)  # the machine's own disk need not


class _Cursor:
    """A cursor as `sqlite3` has it."""

    def __init__(self, cursor: Any, lastrowid: int, rowcount: int) -> None:
        self._cursor = cursor
        self.lastrowid = lastrowid
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        return list(self._cursor)


class _Connection:
    """A connection as `sqlite3` has it, on a disk."""

    def __init__(self, path: str, vfs: str) -> None:
        self._inner = apsw.Connection(path, vfs=vfs)
        self._inner.set_busy_timeout(5000)

    def execute(self, statement: str, parameters: Any = ()) -> _Cursor:
        cursor = self._inner.execute(statement, parameters or None)
        return _Cursor(cursor, self._inner.last_insert_rowid(), self._inner.changes())

    def executemany(self, statement: str, rows: Iterable[Any]) -> None:
        self._inner.executemany(statement, rows)

    def executescript(self, script: str) -> None:
        for _ in self._inner.execute(script):
            pass

    def close(self) -> None:
        self._inner.close()


class _Log(Log):
    """A journal's log on a disk."""

    def __init__(self, disk: Disk, name: str, database: Any, long: int, pragma: str) -> None:
        super().__init__(name, database, long)
        self._disk = disk
        self._pragma = pragma
        self._path = f"{name}-wal"

    def take_over(self, writer: Any) -> None:
        super().take_over(writer)
        if self._pragma:
            writer.execute(f"PRAGMA {self._pragma}")

    def flush(self, _file: int) -> None:
        self._disk.act(self._path, None)


class DiskStorage(Storage):
    """Keeps a journal on a disk. `pragma` is a setting that its database gets; `long` see `Log`."""

    def __init__(self, disk: Disk, *, pragma: str = "", long: int = LONG) -> None:
        self._disk = disk
        self._pragma = pragma
        self._long = long

    def connect(self, name: str) -> Any:
        return _Connection(str(Path(name).absolute()), self._disk.vfs)

    def make_log(self, name: str) -> Log:
        path = str(Path(name).absolute())
        return _Log(self._disk, path, self.connect(path), self._long, self._pragma)


class _UnsyncedLog(Log):
    def take_over(self, writer: Any) -> None:
        super().take_over(writer)
        writer.execute("PRAGMA synchronous = OFF")

    def flush(self, _file: int) -> None:
        """Wait for nothing."""


class UnsyncedStorage(Storage):
    """Waits for no disk: a process that is killed loses nothing by that."""

    def make_log(self, name: str) -> Log:
        return _UnsyncedLog(name, self.connect(name))
