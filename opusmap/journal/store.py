"""The journal's file: an SQLite database that survives a crash at any moment.

Owns transactions, the single writer, what is under way, and the translation of SQLite's errors. What the
states mean stands in `entries`, the tables in `migrations`, what makes a commit durable in `log`.

A change is planned first, in memory and at once (`plan_…`), and committed later, with others. Changes must
be committed in the order in which they were planned.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from opusmap.errors import JournalError
from opusmap.journal.in_flight import REQUEST_COLUMNS, InFlight, Request
from opusmap.journal.journal_file import Storage, damaged, hold_file, reading, translated
from opusmap.journal.migrations import check_kind, migrate
from opusmap.journal.models import (
    DETAILED_COLUMNS,
    Item,
    JournalRecord,
    Result,
    Run,
    State,
    Timestamp,
    read_accepted,
    read_detailed,
    read_run,
)
from opusmap.journal.pruning import Pruned, forget_records, scrub
from opusmap.journal.wal import Log
from opusmap.journal.writes import WriteSet, apply_writes, look_up_records, merge_writes

__all__ = ["Journal"]

_RUNS = """
SELECT runs.id, origin, connection, mapping, started, finished, ending, counts, trusted_from
FROM runs JOIN targets ON targets.id = target ORDER BY runs.id DESC
"""
_UNSHADOWED = """
FROM taken WHERE run = :run
AND NOT EXISTS (SELECT 1 FROM noted WHERE noted.target = taken.target AND noted.key = taken.key)
"""


class Journal:
    """A journal on disk, or in memory for rehearsals. One process writes at a time; any may read.

    A record is known by service origin, connection and rowKey, and the journal holds the last that
    happened to it: a run's own records are those that no later run has settled.
    """

    def __init__(
        self,
        path: str,
        database: sqlite3.Connection,
        reader: sqlite3.Connection,
        lock: sqlite3.Connection | None,
        log: Log | None,
        clock: Callable[[], float],
        ticks: Callable[[], float],
    ) -> None:
        self._path = path
        self._log = log
        self._database = database
        self._reader = reader
        self._lock = lock
        self._clock = clock
        self._ticks = ticks
        self._targets: dict[int, int] = {}
        self._flights = InFlight()
        self._any_noted = True  # else nothing need be looked for in `noted`

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        write: bool = True,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        storage: Storage | None = None,
    ) -> Self:
        """Open the journal at `path`, or one that lives in memory for the path `:memory:`.

        A file that isn't there is made, readable by its owner alone. No symbolic link is followed. An
        older version's file is brought up to date; what a killed run had under way becomes intended.

        Args:
            path: the file; `-wal`, `-shm` and `-lock` files appear beside it.
            write: hold the journal as its only writer. Reports open it with False.
            clock: seconds since 1970.
            ticks: seconds that never run backwards while the machine is up.
            storage: how the disk is reached, if not as usual.

        Raises:
            JournalError: the file can't be opened, is of another kind or a newer version, has another
                writer, or lies on a network share.
        """
        name, storage = str(path), storage or Storage()
        with reading(name):
            lock = hold_file(name, write=write)
            writer = storage.connect(name)
            # Who looks up does not wait for a commit: readers of a write-ahead log never do.
            reader = writer if name == ":memory:" else storage.connect(name)
            log = None if lock is None else storage.make_log(name)
            journal = cls(name, writer, reader, lock, log, clock, ticks)
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
        if self._log is not None:
            self._log.close()
        self._reader.close()
        self._database.close()
        if self._lock is not None:
            self._lock.close()

    @property
    def in_memory(self) -> bool:
        """Whether the journal is thrown away, so that a commit waits for no disk."""
        return self._path == ":memory:"

    def identity(self) -> str:
        """Return the journal's random id: copies share it, another journal has another."""
        with translated(self._path):
            found = self._reader.execute("SELECT id FROM identity").fetchone()
        if found is None or not isinstance(found[0], str):
            raise damaged(self._path, "its id is missing")
        return found[0]

    def start_run(self, *, origin: str, connection: str, mapping: str, distrust: bool = False) -> Run:
        """Begin a run against a service's origin (`https://host`) and a connection's id.

        With `distrust`, nothing that earlier runs sent to this connection counts as unchanged from now on:
        the journal may not know what replaced it since.
        """
        now = self._clock()
        with self._durably() as database:
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
            place = (origin, connection)
            if distrust:
                query = "UPDATE targets SET trusted_from = ? WHERE origin = ? AND connection = ?"
                database.execute(query, (number, *place))
            query = "SELECT trusted_from FROM targets WHERE origin = ? AND connection = ?"
            trusted = database.execute(query, place).fetchone()[0]
        return Run(number, origin, connection, mapping, now, trusted_from=trusted)

    def look_up(self, run: Run, keys: Sequence[str]) -> dict[str, JournalRecord]:
        """Return what is known of records of the run's connection, whichever run sent them last."""
        target = self._target(run)
        taken, noted = look_up_records(len(keys))
        with reading(self._path):
            found = {row[2]: read_accepted(row) for row in self._reader.execute(taken, (target, *keys))}
            if self._any_noted:
                found |= {row[2]: read_detailed(row) for row in self._reader.execute(noted, (target, *keys))}
        flying = self._flights.under_way(target)
        for key in flying.keys() & keys:
            flight, entry = flying[key], flying[key].entries[key]
            found[key] = JournalRecord(flight.run, entry.row, key, entry.content, State.PENDING)
        return found

    def begin(self, run: Run, entries: Iterable[Item], sent: Timestamp) -> None:
        """Plan and commit an intent; see `plan_begin`."""
        self.commit([self.plan_begin(run, entries, sent)])

    def finish(self, run: Run, settlements: Iterable[Result]) -> None:
        """Plan and commit settlements, all or none; see `plan_finish`."""
        self.commit([self.plan_finish(run, settlements)])

    def cancel(self, run: Run, keys: Iterable[str]) -> None:
        """Plan and commit a release; see `plan_cancel`."""
        self.commit([self.plan_cancel(run, keys)])

    def plan_begin(self, run: Run, entries: Iterable[Item], sent: Timestamp) -> WriteSet:
        """Note that these records are about to be sent, in one request, at this moment.

        Until the intent is settled or released, a crash leaves them intended. Nothing that was known of
        them is lost before that. Records of this run that are under way already are sent once more.
        """
        return WriteSet(flights=self._flights.depart(self._target(run), run.id, entries, sent))

    def plan_finish(self, run: Run, settlements: Iterable[Result]) -> WriteSet:
        """Note what became of records that this run intended.

        Raises:
            JournalError: one of them is not under way in this run (a bug of the caller's).
        """
        settled = list(settlements)
        target, change, keys = self._target(run), WriteSet(), [each.key for each in settled]
        for entry, each in zip(self._under_way(run, keys), settled, strict=True):
            if each.state is not State.ACCEPTED or each.unanswered is not None:
                change.note(target, run.id, entry, each)
                continue
            change.take(target, run.id, entry)
            if self._any_noted:
                change.noted[target, entry.key] = None
        change.flights.update(self._flights.leave(target, keys))
        self._any_noted = self._any_noted or bool(change.noted)
        return change

    def plan_cancel(self, run: Run, keys: Iterable[str]) -> WriteSet:
        """Take an intent back: certainly nothing came of it. What was known before is known again.

        Raises:
            JournalError: one of them is not under way in this run (a bug of the caller's).
        """
        released = list(keys)
        self._under_way(run, released)
        return WriteSet(flights=self._flights.leave(self._target(run), released))

    def commit(self, changes: Iterable[WriteSet]) -> None:
        """Write planned changes and wait for the disk; see `write` and `sync`."""
        self.write(changes)
        self.sync()

    def write(self, changes: Iterable[WriteSet]) -> None:
        """Write planned changes, all or none. They outlive this process, but no power loss before `sync`.

        Raises:
            JournalError: they can't be written.
        """
        change = merge_writes(changes)
        with self._transaction() as database:
            apply_writes(database, change)
        if self._log is not None:
            self._log.note_rows(len(change.flights) + len(change.taken) + len(change.noted))

    @property
    def has_long_log(self) -> bool:
        """Whether the next sync takes longer, since it tidies up."""
        return self._log is not None and self._log.is_long

    def sync(self) -> None:
        """Wait until the disk has what was written. Any one thread may do it, while others read.

        Raises:
            JournalError: the disk does not take it.
        """
        if self._log is not None:
            with translated(self._path):
                self._log.sync()

    def finish_run(self, run: Run, *, ending: str, counts: Mapping[str, int]) -> Run:
        """Note how a run ended and what it counted; return the run as it is known now."""
        ended = replace(run, finished=self._clock(), ending=ending, counts=dict(counts))
        with self._durably() as database:
            database.execute(
                "UPDATE runs SET finished = ?, ending = ?, counts = ? WHERE id = ?",
                (ended.finished, ending, json.dumps(dict(counts)), run.id),
            )
        return ended

    def keep_evidence(self, run: Run, evidence: Mapping[str, Any]) -> None:
        """Keep what a run leaves for its report, plain data, in place of what it left before."""
        content = zlib.compress(json.dumps(evidence, ensure_ascii=False, separators=(",", ":")).encode())
        with self._durably() as database:
            database.execute("INSERT OR REPLACE INTO evidence VALUES (?, ?)", (run.id, content))

    def evidence(self, run: Run) -> dict[str, Any]:
        """Return what `keep_evidence` kept of a run, or nothing."""
        with translated(self._path):
            query = "SELECT content FROM evidence WHERE run = ?"
            found = self._reader.execute(query, (run.id,)).fetchone()
        try:
            return {} if found is None else dict(json.loads(zlib.decompress(found[0])))
        except (zlib.error, ValueError, TypeError):
            raise damaged(self._path, f"what run {run.id} left for its report can't be read") from None

    def prune(self, before: float, only: Collection[int] | None = None) -> Pruned:
        """Forget the records of runs that ended before a moment, and rewrite the file; see `pruning`.

        `only` are the numbers of the runs that are meant; all runs if None.
        """
        with reading(self._path), self._durably() as database:
            pruned = forget_records(database, before, only)
        with translated(self._path):
            scrub(self._database)
        return pruned

    def runs(self) -> tuple[Run, ...]:
        """Return all runs, the latest first."""
        with reading(self._path):
            rows = self._reader.execute(_RUNS).fetchall()
            return tuple(read_run(row) for row in rows)

    def records(self, run: Run, *states: State) -> Iterator[JournalRecord]:
        """Yield what is known of a run's records, by row; only those in one of `states` if any is given.

        Taken records are looked for in the whole journal; all others are few, and found at once.
        """
        wanted = states or tuple(State)
        with reading(self._path):
            query = f"SELECT {DETAILED_COLUMNS} FROM noted WHERE run = ?"  # noqa: S608 - a constant
            noted = [read_detailed(row) for row in self._reader.execute(query, (run.id,))]
            special = [*noted, *self._read_flights(run)]
            special = sorted((each for each in special if each.state in wanted), key=_PLACE)
            if State.ACCEPTED not in wanted:
                yield from special
                return
            query = f"SELECT run, row, key, content {_UNSHADOWED} ORDER BY row, key"
            plain = (read_accepted(row) for row in self._reader.execute(query, {"run": run.id}))
            yield from heapq.merge(plain, special, key=_PLACE)

    def counts(self, run: Run) -> dict[State, int]:
        """Return how many of a run's records are in each state, by a look through the whole journal."""
        with reading(self._path):
            query = f"SELECT count(*) {_UNSHADOWED}"
            found = dict.fromkeys(State, 0)
            found[State.ACCEPTED] = self._reader.execute(query, {"run": run.id}).fetchone()[0]
            query = "SELECT state, count(*) FROM noted WHERE run = ? GROUP BY state"
            for state, count in self._reader.execute(query, (run.id,)):
                found[State(state)] += count
            found[State.PENDING] += len(self._read_flights(run))
        return found

    def plan_recovery(self, killed: Iterable[Request], now: Timestamp) -> WriteSet:
        """Note as intended what a killed run had under way.

        The requests count as sent just now: an intent stands before its request leaves, and nobody knows
        how long before. They left at the latest when the run was killed.
        """
        change = WriteSet()
        for flight in killed:
            change.flights[flight.id] = None
            for entry in flight.entries.values():
                intended = Result(entry.key, State.PENDING, "", now)
                change.note(flight.target, flight.run, entry, intended)
        return change

    def recover(self) -> None:
        """Plan and commit what `plan_recovery` says. Opening the journal for writing does it."""
        query = f"SELECT {REQUEST_COLUMNS} FROM flights ORDER BY id"  # noqa: S608 - a constant
        with reading(self._path), self._durably() as database:
            killed = [Request.from_row(row) for row in database.execute(query).fetchall()]
            apply_writes(database, self.plan_recovery(killed, Timestamp(self._clock(), self._ticks())))
            self._any_noted = bool(database.execute("SELECT EXISTS (SELECT 1 FROM noted)").fetchone()[0])
        self._flights.clear()

    def _under_way(self, run: Run, keys: Sequence[str]) -> list[Item]:
        flying = self._flights.under_way(self._target(run))
        flights = [flying.get(key) for key in keys]
        if len(set(keys)) < len(keys) or any(each is None or each.run != run.id for each in flights):
            raise JournalError(self._path, f"run {run.id} settles a record that is not under way")
        return [flight.entries[key] for flight, key in zip(flights, keys, strict=True) if flight is not None]

    def _read_flights(self, run: Run) -> list[JournalRecord]:
        query = f"SELECT {REQUEST_COLUMNS} FROM flights WHERE run = ?"  # noqa: S608 - a constant
        flights = [Request.from_row(row) for row in self._reader.execute(query, (run.id,))]
        return [
            JournalRecord(run.id, each.row, each.key, each.content, State.PENDING, "", flight.sent)
            for flight in flights
            for each in flight.entries.values()
        ]

    def _target(self, run: Run) -> int:
        if run.id not in self._targets:
            with translated(self._path):
                found = self._reader.execute("SELECT target FROM runs WHERE id = ?", (run.id,)).fetchone()
            if found is None:
                raise JournalError(self._path, f"the journal knows no run {run.id}")
            self._targets[run.id] = found[0]
        return self._targets[run.id]

    @contextmanager
    def _durably(self) -> Iterator[sqlite3.Connection]:
        with self._transaction() as database:
            yield database
        self.sync()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with translated(self._path):
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
        """Set the file up for durability, bring its schema up to date, refuse a foreign one."""
        check_kind(self._database, self._path, write=write)
        if not write:
            self._database.execute("PRAGMA query_only = ON")
            return
        (mode,) = self._database.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode not in ("wal", "memory"):
            problem = "its file system has no shared memory, which the journal's log needs"
            raise JournalError(self._path, problem, "name a file on a local disk in OPUSMAP_JOURNAL")
        # RowKeys in no order touch a page each: hold many (64 MB), and write each back seldom.
        self._database.execute("PRAGMA cache_size = -65536")
        migrate(self._database)
        if self._log is not None:
            self._log.take_over(self._database)
        self.recover()


_PLACE = attrgetter("row", "key")
