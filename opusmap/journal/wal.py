"""The write-ahead log beside the journal: safe on the disk when it is asked for, and never long.

SQLite's own sync (`synchronous = FULL`) is a part of the statement that commits, so that statements would
have to wait in a thread of their own, and compete for the interpreter at each step. So SQLite writes at once,
which takes a tenth of a millisecond, and the wait for the disk is one call (`group_commit` says whose). What
is on the disk after it is the same: the log, up to the last commit.
"""

from __future__ import annotations

import os
import sqlite3

LONG = 8000
"""Rows after which the log is taken into the database: 32 MB when each touches a page of its own."""

_sync_data = getattr(os, "fdatasync", os.fsync)  # which macOS and Windows lack; it is what SQLite calls


class Log:
    """The log of a journal that is being written.

    A subclass that overrides `flush` stands in for the wait for the disk.
    """

    def __init__(self, name: str, database: sqlite3.Connection, long: int = LONG) -> None:
        """Make it for the journal at this path; `database` is a connection of its own.

        After `long` rows the log is taken into the database.
        """
        self._name = name
        self._database = database
        self._long = long
        self._file: int | None = None
        self._rows = 0

    def take_over(self, writer: sqlite3.Connection) -> None:
        """Do from now on what SQLite does by itself otherwise for the connection that writes."""
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
