"""The journal's file: an SQLite database that survives a crash at any moment.

Owns the schema, durability (write-ahead log, every commit synced), the single writer, and the
translation of SQLite's errors. What the states mean stands in `entries`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from opusmap.errors import JournalError
from opusmap.journal.entries import Entry, JournalRecord, Run, Settlement, State

__all__ = ["Journal"]

_APPLICATION_ID = 0x4F707573  # "Opus"
_VERSION = 1
_SCHEMA = """
CREATE TABLE targets (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, connection TEXT NOT NULL, UNIQUE (origin, connection)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL REFERENCES targets, mapping TEXT NOT NULL,
    started REAL NOT NULL, finished REAL, ending TEXT NOT NULL DEFAULT '', counts TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE records (
    target INTEGER NOT NULL, key TEXT NOT NULL, run INTEGER NOT NULL, row INTEGER NOT NULL,
    content BLOB NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    intended REAL NOT NULL, settled REAL, PRIMARY KEY (target, key)
) WITHOUT ROWID;
CREATE INDEX records_of_a_run ON records (run, state);
"""
_INTEND = """
INSERT INTO records (target, key, run, row, content, state, intended)
VALUES ((SELECT target FROM runs WHERE id = :run), :key, :run, :row, :content, 'intended', :now)
ON CONFLICT (target, key) DO UPDATE SET run = excluded.run, row = excluded.row, content = excluded.content,
    state = excluded.state, reason = '', intended = excluded.intended, settled = NULL
"""
_SETTLE = """
UPDATE records SET state = :state, reason = :reason, settled = :now
WHERE target = (SELECT target FROM runs WHERE id = :run) AND key = :key AND run = :run AND state = 'intended'
"""
_UNCHANGED = """
SELECT 1 FROM records WHERE target = (SELECT target FROM runs WHERE id = ?) AND key = ?
AND content = ? AND state = 'taken'
"""
_RUNS = """
SELECT runs.id, origin, connection, mapping, started, finished, ending, counts
FROM runs JOIN targets ON targets.id = target ORDER BY runs.id DESC
"""


class Journal:
    """A journal on disk, or in memory for rehearsals. One process writes at a time; any may read.

    A record is known by service origin, connection and rowKey, and the journal holds the last that
    happened to it: a run's own records are those that no later run has sent again.
    """

    def __init__(
        self,
        path: str,
        database: sqlite3.Connection,
        lock: sqlite3.Connection | None,
        clock: Callable[[], float],
    ) -> None:
        self._path = path
        self._database = database
        self._lock = lock
        self._clock = clock

    @classmethod
    def open(cls, path: Path | str, *, write: bool = True, clock: Callable[[], float] = time.time) -> Journal:
        """Open the journal at `path`, or one that lives in memory for the path `:memory:`.

        A file that isn't there is made, readable by its owner alone. No symbolic link is followed.

        Args:
            path: the file; `-wal`, `-shm` and `-lock` files appear beside it.
            write: hold the journal as its only writer. Reports open it with False.
            clock: seconds since 1970.

        Raises:
            JournalError: the file can't be opened, is of another kind or version, or has another writer.
        """
        name = str(path)
        with _translated(name):
            if name == ":memory:":
                journal = cls(name, _connect(name), None, clock)
            else:
                _make_private(name, create=write)
                journal = cls(name, _connect(name), _lock(name) if write else None, clock)
            try:
                journal._prepare(write=write)
            except BaseException:
                journal.close()
                raise
        return journal

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let another writer in."""
        self._database.close()
        if self._lock is not None:
            self._lock.close()

    def start_run(self, *, origin: str, connection: str, mapping: str) -> Run:
        """Begin a run against a service's origin (`https://host`) and a connection's id."""
        now = self._clock()
        with self._transaction() as database:
            database.execute(
                "INSERT INTO targets (origin, connection) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (origin, connection),
            )
            number = database.execute(
                "INSERT INTO runs (target, mapping, started) SELECT id, ?, ? FROM targets "
                "WHERE origin = ? AND connection = ?",
                (mapping, now, origin, connection),
            ).lastrowid
        assert number is not None
        return Run(number, origin, connection, mapping, now)

    def find_unchanged(self, run: Run, entries: Iterable[Entry]) -> frozenset[str]:
        """Return the keys of records that the run's connection took before with the same content."""
        with _translated(self._path):
            return frozenset(
                entry.key
                for entry in entries
                if self._database.execute(_UNCHANGED, (run.id, entry.key, entry.content)).fetchone()
            )

    def intend(self, run: Run, entries: Iterable[Entry]) -> None:
        """Note, durably, that these records are about to be sent. What was known of them is replaced."""
        now = self._clock()
        rows = [
            {"run": run.id, "key": each.key, "row": each.row, "content": each.content, "now": now}
            for each in entries
        ]
        with self._transaction() as database:
            database.executemany(_INTEND, rows)

    def settle(self, run: Run, settlements: Iterable[Settlement]) -> None:
        """Note, durably, what became of records that this run intended: all of them, or none.

        Raises:
            JournalError: one of them is not under way in this run (a bug of the caller's).
        """
        now = self._clock()
        rows = [
            {"run": run.id, "key": each.key, "state": each.state.value, "reason": each.reason, "now": now}
            for each in settlements
        ]
        with self._transaction() as database:
            if database.executemany(_SETTLE, rows).rowcount != len(rows):
                raise JournalError(self._path, f"run {run.id} settles a record that is not under way")

    def finish_run(self, run: Run, *, ending: str, counts: Mapping[str, int]) -> None:
        """Note how a run ended and what it counted."""
        with self._transaction() as database:
            database.execute(
                "UPDATE runs SET finished = ?, ending = ?, counts = ? WHERE id = ?",
                (self._clock(), ending, json.dumps(dict(counts)), run.id),
            )

    def runs(self) -> tuple[Run, ...]:
        """Return all runs, the latest first."""
        with _translated(self._path):
            rows = self._database.execute(_RUNS).fetchall()
        return tuple(
            Run(number, origin, connection, mapping, started, finished, ending, json.loads(counts))
            for number, origin, connection, mapping, started, finished, ending, counts in rows
        )

    def records(self, run: Run, *states: State) -> Iterator[JournalRecord]:
        """Yield what is known of a run's records, by row; only those in one of `states` if any is given."""
        query = (
            "SELECT run, row, key, content, state, reason, intended, settled FROM records "
            "WHERE run = ? AND state IN (SELECT value FROM json_each(?)) ORDER BY row, key"
        )
        wanted = json.dumps([state.value for state in states or State])
        with _translated(self._path):
            for number, row, key, content, state, *rest in self._database.execute(query, (run.id, wanted)):
                yield JournalRecord(number, row, key, content, State(state), *rest)

    def counts(self, run: Run) -> dict[State, int]:
        """Return how many of a run's records are in each state."""
        with _translated(self._path):
            query = "SELECT state, count(*) FROM records WHERE run = ? GROUP BY state"
            found = {State(state): count for state, count in self._database.execute(query, (run.id,))}
        return {state: found.get(state, 0) for state in State}

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _translated(self._path):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                # SQLite has rolled back by itself after some errors; a second time is an error of its own.
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _prepare(self, *, write: bool) -> None:
        """Set the file up for durability, make the schema where there is none, refuse a foreign one."""
        found = self._pragma("application_id"), self._pragma("user_version")
        empty = not self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if found != (_APPLICATION_ID, _VERSION) and not (found == (0, 0) and empty and write):
            problem = (
                f"the journal has version {found[1]}, this opusmap reads version {_VERSION}"
                if found[0] == _APPLICATION_ID
                else "the file is not a journal of opusmap"
            )
            raise JournalError(self._path, problem, "name another file in OPUSMAP_JOURNAL")
        if not write:
            self._database.execute("PRAGMA query_only = ON")
            return
        self._database.execute("PRAGMA journal_mode = WAL")
        # NORMAL lost acknowledged rows in power-loss images; a synced commit costs about 0.3 ms.
        self._database.execute("PRAGMA synchronous = FULL")
        if empty:
            # One transaction: a crash leaves an empty file or a whole schema.
            self._database.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID};"
                f"PRAGMA user_version = {_VERSION}; COMMIT;"
            )

    def _pragma(self, name: str) -> int:
        value = self._database.execute(f"PRAGMA {name}").fetchone()[0]
        assert isinstance(value, int)
        return value


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Turn SQLite's and the file system's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(path, f"the journal can't be used: {error}") from error
    except OSError as error:
        raise JournalError(path, f"the journal can't be opened: {error.strerror}") from error


def _connect(name: str, *, timeout: float = 5.0) -> sqlite3.Connection:
    # Transactions are begun by hand; a sync caller may run the event loop in a thread of its own.
    # `mode=rw` makes no file: `_make_private` has, with the owner's rights alone.
    place = name if name == ":memory:" else f"{Path(name).absolute().as_uri()}?mode=rw"
    return sqlite3.connect(place, isolation_level=None, check_same_thread=False, uri=True, timeout=timeout)


def _make_private(name: str, *, create: bool) -> None:
    """Make the file if it is not there, for its owner alone; refuse a symbolic link and what is no file.

    A file that is there is looked at, not opened: closing it again would drop the locks that SQLite
    holds on it for another connection of this process (a trait of POSIX locks).
    """
    if create:
        with suppress(FileExistsError):
            os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    if not stat.S_ISREG(os.lstat(name).st_mode):
        raise JournalError(name, "the journal is not a regular file", "name the file itself, no link to it")


def _lock(name: str) -> sqlite3.Connection:
    """Hold a lock that ends with the process, however it ends, and leaves readers alone.

    An empty database beside the journal serves: SQLite's exclusive lock works alike on every system.
    """
    beside = name + "-lock"
    _make_private(beside, create=True)
    lock = _connect(beside, timeout=0)
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
