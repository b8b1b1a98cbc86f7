"""Where a journal may be: a regular file of its owner's, on a disk of this machine, one writer at a time.

The file is made, connected to and locked here, a network share is refused, and errors of SQLite and of the
file system become a `JournalError`. Nothing here reads the journal.

SQLite's own sync (`synchronous = FULL`) is a part of the statement that commits, so that statements would
have to wait in a separate thread, and compete for the interpreter at each step. So SQLite writes at once,
which takes a tenth of a millisecond, and the wait for the disk is one call (`group_commit` says whose). What
is on the disk after it is the same: the log, up to the last commit.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from opusmap.errors import JournalError, NoJournal

LONG = 8000
"""Rows after which the log is taken into the database: 32 MB when each touches a different page."""

_sync_data = getattr(os, "fdatasync", os.fsync)  # which macOS and Windows lack; it is what SQLite calls


class Log:
    """The log of a journal that is being written.

    A subclass that overrides `flush` replaces the wait for the disk.
    """

    def __init__(self, name: str, database: sqlite3.Connection, long: int = LONG) -> None:
        """Make it for the journal at this path; `database` is a separate connection.

        After `long` rows the log is taken into the database.
        """
        self._name = name
        self._database = database
        self._long = long
        self._file: int | None = None
        self._rows = 0

    def take_over(self, writer: sqlite3.Connection) -> None:
        """From now on, do what SQLite otherwise does automatically for the connection that writes."""
        # NORMAL still syncs the log's head, and the log before it is taken into the database.
        writer.execute("PRAGMA synchronous = NORMAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        self._file = os.open(self._name + "-wal", os.O_RDWR)

    def note_rows(self, count: int) -> None:
        """Count rows that were written."""
        self._rows += count

    @property
    def is_long(self) -> bool:
        """Whether the next sync takes the log into the database."""
        return self._rows >= self._long

    def sync(self) -> None:
        """Wait until all that was written is on the disk; take the log into the database when it is long.

        Raises:
            OSError, sqlite3.Error: the disk does not take it.
        """
        if self._file is not None:
            self.flush(self._file)
        if self.is_long:
            # Who reads is not in its way; what can't be taken in yet will be the next time.
            self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._rows = 0

    def flush(self, file: int) -> None:
        """Wait until the disk has what was written to the log, whose file is open under this number.

        Raises:
            OSError: the disk does not take it.
        """
        _sync_data(file)

    def close(self) -> None:
        """Close the file, before SQLite does: Windows can't delete one that is open."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._database.close()


# Write-ahead logging shares memory between processes, which a network share can't
# (https://sqlite.org/wal.html); and many shares say that they have synced what they have not.
_SHARES = re.compile(
    r"nfs\d*|cifs|smb\w*|9p|afs|ncpfs|ceph|lustre|gpfs|glusterfs|davfs\d?"
    r"|fuse\.(sshfs|rclone|glusterfs|davfs2?|s3fs|gcsfuse|blobfuse2?|ceph\S*|cifs|smb\S*|nfs\S*)"
)
_MOUNTS = Path("/proc/self/mounts")
_DRIVE_REMOTE = 4  # GetDriveTypeW, Windows

_REPAIR = (
    "restore the journal from a backup, or move it away together with its -wal and -shm files; then run "
    "`opusmap submit MAPPING --resend`, which sends every record again and does no harm"
)
_RIGHTS = "let this account write the file and its folder, or name another file in OPUSMAP_JOURNAL"
_BUSY = "close other programs that have the file open (a viewer, a backup), and run the same command again"
_HELP = {
    sqlite3.SQLITE_CORRUPT: _REPAIR,
    sqlite3.SQLITE_NOTADB: f"name another file in OPUSMAP_JOURNAL; if this one was the journal, {_REPAIR}",
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: "free disk space, and run the same command again",
    sqlite3.SQLITE_IOERR: f"check the disk; if it is healthy, {_REPAIR}",
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
}


def connect(name: str, *, timeout: float = 5.0) -> sqlite3.Connection:
    """Open a database that is there, or one in memory. Transactions are begun by hand."""
    # The threads of one process take turns; `mode=rw` makes no file: `_make_private` has.
    place = name if name == ":memory:" else f"{Path(name).absolute().as_uri()}?mode=rw"
    return sqlite3.connect(place, isolation_level=None, check_same_thread=False, uri=True, timeout=timeout)


class Storage:
    """How a journal reaches the disk. A subclass simulates another disk, for example one that fails."""

    def connect(self, name: str) -> sqlite3.Connection:
        """Open the journal's database, which is there, or one in memory. Transactions are begun by hand.

        Raises:
            sqlite3.Error: it can't be opened.
        """
        return connect(name)

    def make_log(self, name: str) -> Log:
        """Return the write-ahead log of the journal that is written at this path."""
        return Log(name, self.connect(name))


def hold_file(name: str, *, write: bool) -> sqlite3.Connection | None:
    """See to it that the file is there and may be used; return the lock of who writes, None for who reads.

    A journal in memory needs neither.

    Raises:
        JournalError: it is missing, no regular file, on a network share, or in use by another run.
    """
    if name == ":memory:":
        return None
    if write:
        refuse_share(name)
    _make_private(name, create=write)
    return _lock_beside(name) if write else None


def _make_private(name: str, *, create: bool) -> None:
    """Make the file if it is not there, for its owner alone; refuse a symbolic link and anything but a file.

    A file that is there is looked at, not opened: closing it again would drop the locks that SQLite
    holds on it for another connection of this process (a trait of POSIX locks).
    """
    if create:
        with suppress(FileExistsError):
            os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        mode = os.lstat(name).st_mode
    except FileNotFoundError:
        help_text = (
            "the first `opusmap submit` to Opus creates it (a rehearsal keeps none); if it is elsewhere, "
            "name it in OPUSMAP_JOURNAL"
        )
        raise NoJournal(name, "there is no journal here", help_text) from None
    if not stat.S_ISREG(mode):
        raise JournalError(
            name, "the journal is not a regular file", "name the file itself, not a link to it"
        )


class _Translated:
    """Turns SQLite's and the file system's errors into ours; those of `damage` mean a damaged file."""

    __slots__ = ("_damage", "_path")

    def __init__(self, path: str, damage: tuple[type[Exception], ...]) -> None:
        self._path = path
        self._damage = damage

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            return
        if isinstance(error, self._damage):
            raise damaged(self._path, str(error)) from error
        if isinstance(error, sqlite3.Error):
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what an extended code adds
            help_text = _HELP.get(code, _REPAIR)
            raise JournalError(self._path, f"the journal can't be used: {error}", help_text) from error
        if isinstance(error, OSError):
            problem = f"the journal can't be used: {error.strerror}"
            raise JournalError(self._path, problem, _RIGHTS) from error
        if isinstance(error, UnicodeDecodeError):  # SQLite's words may quote what it found in a damaged file
            raise damaged(self._path, "a text in it can't be read") from error


def translated(path: str) -> AbstractContextManager[None]:
    """Turn SQLite's and the file system's errors into ours."""
    return _Translated(path, ())


def reading(path: str) -> AbstractContextManager[None]:
    """Turn what goes wrong while rows are read into our errors: a damaged file may hold anything."""
    return _Translated(path, _DAMAGE)


_DAMAGE = (ValueError, TypeError, LookupError, OverflowError)


def damaged(path: str, what: str) -> JournalError:
    """Return the error for a journal in which something can't be as we wrote it."""
    return JournalError(path, f"the journal is damaged: {what}", _REPAIR)


def _lock_beside(name: str) -> sqlite3.Connection:
    """Hold a lock that ends with the process, however it ends, and leaves readers alone.

    An empty database beside the journal serves: SQLite's exclusive lock works alike on every system.
    """
    beside = name + "-lock"
    _make_private(beside, create=True)
    lock = connect(beside, timeout=0)
    try:
        lock.execute("PRAGMA journal_mode = OFF")
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        raise JournalError(
            name,
            "another run is using the journal",
            "wait for it to end, or name another file in OPUSMAP_JOURNAL",
        ) from None
    except BaseException:
        lock.close()
        raise
    return lock


def refuse_share(name: str) -> None:
    """Refuse a place on a network share, where an acknowledged write may be lost.

    Raises:
        JournalError: with the kind of share and the way out.
    """
    if sys.platform == "win32":
        kind = _find_windows_share(name)
    else:
        # macOS tells the kind of a file system to C programs alone; a share there goes unnoticed.
        table = _MOUNTS.read_text("utf-8", "surrogateescape") if _MOUNTS.exists() else ""
        kind = find_share(os.path.realpath(name), table)
    if kind:
        raise JournalError(
            name,
            f"the journal is on a network share ({kind}), where a crash may lose its content",
            "name a file on a local disk in OPUSMAP_JOURNAL",
        )


def find_share(path: str, mounts: str) -> str:
    """Return the type of the network share that holds an absolute path, or "" if a local disk does.

    Args:
        path: without symbolic links.
        mounts: the text of `/proc/self/mounts` (proc(5), fstab(5): blanks are written in octal).
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:  # noqa: PLR2004 - device, folder, type
            continue
        folder = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1])
        inside = path == folder or path.startswith(folder.rstrip("/") + "/")
        if inside and len(folder) >= len(best):  # the later of two on one folder hides the other
            best, kind = folder, fields[2]
    return kind if _SHARES.fullmatch(kind) else ""


def _find_windows_share(name: str) -> str:
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - Windows alone needs it

        drive = Path(os.path.realpath(name)).drive
        if drive.startswith("\\\\") and not re.match(r"\\\\[?.]\\[A-Za-z]:", drive):
            return "UNC path"
        remote = ctypes.windll.kernel32.GetDriveTypeW(drive[-2:] + "\\") == _DRIVE_REMOTE
        return "mapped drive" if remote else ""
    return ""
