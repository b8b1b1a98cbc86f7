"""A journal in a file: an SQLite database that survives a crash at any moment.

A session is put together here: `in_flight` plans what is written, `group_commit` says when, `sqlite_schema`
has the tables and the statements. What makes a commit durable is in `journal_file`.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
import time
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from opusmap.errors import JournalError
from opusmap.journal import sqlite_columns, sqlite_destructions
from opusmap.journal.destruction import Destruction
from opusmap.journal.group_commit import GroupCommit, SyncExecutor, run_inline
from opusmap.journal.grouped_session import GroupedSession
from opusmap.journal.in_flight import InFlight, Request
from opusmap.journal.interface import Journal, Session, Share
from opusmap.journal.journal_file import Storage, damaged, hold_file, reading, translated
from opusmap.journal.models import (
    PART_COUNTS,
    PRUNED,
    JournalRecord,
    Progress,
    Pruned,
    Run,
    StagedParts,
    State,
    Timestamp,
    pack_evidence,
    read_accepted,
    read_detailed,
    read_run,
    unknown_connection,
    unpack_evidence,
)
from opusmap.journal.sqlite_schema import (
    ACCEPTED_COLUMNS,
    DETAILED_COLUMNS,
    REQUEST_COLUMNS,
    apply_writes,
    check_kind,
    look_up_records,
    prepare_schema,
)
from opusmap.journal.write_set import WriteSet, merge_writes

_RUNS = """
SELECT runs.id, origin, connection, mapping, started, finished, ending, counts, trusted_from, older_hash
FROM runs JOIN targets ON targets.id = target
"""
_ACCEPTED = f"""
SELECT {ACCEPTED_COLUMNS} FROM accepted WHERE run = :run AND NOT EXISTS
    (SELECT 1 FROM detailed WHERE detailed.target = accepted.target AND detailed.key = accepted.key)
ORDER BY row, key
"""  # noqa: S608 - constants
_IN_BOTH = """
SELECT count(*) FROM detailed JOIN accepted USING (target, key, run) WHERE detailed.run = ?
"""
_DETAILED = f"SELECT {DETAILED_COLUMNS} FROM detailed WHERE run = ?"  # noqa: S608 - a constant
_REQUESTS = f"SELECT {REQUEST_COLUMNS} FROM requests"  # noqa: S608 - a constant
_OLD = "SELECT id, ending, counts FROM runs WHERE coalesce(finished, started) < ?"
_PLACE = attrgetter("row", "key")


class SqliteJournal(Journal):
    """A journal on disk, or in memory for rehearsals. `open_journal` opens one as usual."""

    def __init__(
        self,
        path: Path | str,
        *,
        write: bool = True,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        storage: Storage | None = None,
        sync_executor: SyncExecutor | None = None,
        in_flight: InFlight | None = None,
    ) -> None:
        """Open the journal at `path`, or one that lives in memory for the path `:memory:`.

        A file that isn't there is made, readable by its owner alone. No symbolic link is followed. One of the
        version before is upgraded; what a killed run had in flight becomes pending.

        Args:
            path: the file; `-wal`, `-shm` and `-lock` files appear beside it.
            write: hold the journal as its only writer. Reports open it with False.
            clock: seconds since 1970.
            ticks: seconds that never run backwards while the machine is up.
            storage: how the disk is reached, if not as usual.
            sync_executor: waits for the disk; by default a thread does, where the disk is slow.
            in_flight: plans what is written, if not as usual.

        Raises:
            JournalError: the file can't be opened, is of another kind or version, has another writer, or lies
                on a network share.
        """
        self._path, storage = str(path), storage or Storage()
        self._clock, self._ticks = clock, ticks
        self._in_flight = in_flight or InFlight()
        self._sync_executor = sync_executor or (run_inline if self.in_memory else None)
        with ExitStack() as opened, reading(self._path):
            self._lock = hold_file(self._path, write=write)
            if self._lock is not None:
                opened.callback(self._lock.close)
            self._database = storage.connect(self._path)
            opened.callback(self._database.close)
            # Who reads many rows sees one state of them, whatever is written meanwhile.
            self._reader = self._database if self.in_memory else storage.connect(self._path)
            opened.callback(self._reader.close)
            self._log = None if self._lock is None else storage.make_log(self._path)
            if self._log is not None:
                opened.callback(self._log.close)
            self._prepare(write=write)
            self._opened = opened.pop_all()

    def close(self) -> None:
        self._opened.close()

    @property
    def in_memory(self) -> bool:
        return self._path == ":memory:"

    def identity(self) -> str:
        with translated(self._path):
            found = self._reader.execute("SELECT id FROM identity").fetchone()
        if found is None or not isinstance(found[0], str):
            raise damaged(self._path, "its id is missing")
        return found[0]

    def start_run(self, *, origin: str, connection: str, mapping: str, distrust: bool = False) -> Run:
        with reading(self._path), self._durably() as database:
            database.execute(
                "INSERT INTO targets (origin, connection) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (origin, connection),
            )
            target = sqlite_destructions.find_target(database, origin, connection)
            query = "INSERT INTO runs (target, mapping, started) VALUES (?, ?, ?)"
            number = database.execute(query, (target, mapping, self._clock())).lastrowid
            if distrust:
                database.execute("UPDATE targets SET trusted_from = ? WHERE id = ?", (number, target))
            return read_run(database.execute(f"{_RUNS} WHERE runs.id = ?", (number,)).fetchone())

    async def share_run(
        self, *, origin: str, connection: str, mapping: str, staged: StagedParts, distrust: bool = False
    ) -> Share:
        run = self.start_run(origin=origin, connection=connection, mapping=mapping, distrust=distrust)
        return _LoneShare(self, run, staged)

    @asynccontextmanager
    async def session(self, run: Run) -> AsyncIterator[Session]:
        with reading(self._path):
            found = self._reader.execute("SELECT target FROM runs WHERE id = ?", (run.id,)).fetchone()
            if found is None:
                raise JournalError(self._path, f"the journal contains no run {run.id}")
            target = found[0]
            hasher = None if self.in_memory else sqlite_columns.read_hasher(self._reader, target)
        async with GroupCommit(self, self._sync_executor) as commits:
            look_up = partial(self._look_up, target)
            yield GroupedSession(self._in_flight, commits, run, target, look_up, hasher)

    async def _look_up(self, target: int, keys: Sequence[str]) -> dict[str, JournalRecord]:
        accepted, detailed = look_up_records(len(keys))
        place = (target, *keys)
        # The connection that writes has the newest pages in memory; another would read them again.
        with reading(self._path):
            found = {row[2]: read_accepted(row) for row in self._database.execute(accepted, place)}
            if self._in_flight.any_detailed:
                found |= {row[2]: read_detailed(row) for row in self._database.execute(detailed, place)}
        return found

    def write(self, sets: Iterable[WriteSet]) -> None:
        """Write what was planned, all or none. It outlives this process, but no power loss before `sync`.

        Raises:
            JournalError: it can't be written.
        """
        writes = merge_writes(sets)
        with self._transaction() as database:
            apply_writes(database, writes)
        if self._log is not None:
            self._log.note_rows(len(writes))

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

    def finish_run(self, run: Run, *, ending: str, counts: Mapping[str, int], whole: bool = True) -> Run:
        ended = replace(run, finished=self._clock(), ending=ending, counts=dict(counts))
        with self._durably() as database:
            database.execute(
                "UPDATE runs SET finished = ?, ending = ?, counts = ? WHERE id = ?",
                (ended.finished, ending, json.dumps(dict(counts)), run.id),
            )
            if run.older_hash and whole and ending == "done":
                query = "UPDATE targets SET older_hash = 0 WHERE origin = ? AND connection = ?"
                database.execute(query, (run.origin, run.connection))
        return ended

    def keep_evidence(self, run: Run, evidence: Mapping[str, Any]) -> None:
        with self._durably() as database:
            query = "INSERT OR REPLACE INTO evidence VALUES (?, ?)"
            database.execute(query, (run.id, pack_evidence(evidence)))

    def evidence(self, run: Run) -> dict[str, Any]:
        with reading(self._path):
            query = "SELECT content FROM evidence WHERE run = ?"
            return unpack_evidence(self._reader.execute(query, (run.id,)).fetchone(), run.id)

    def prune(self, before: float, only: Collection[int] | None = None) -> Pruned:
        forgotten: dict[int, int] = {}
        with reading(self._path), self._durably() as database:
            for run, ending, text in database.execute(_OLD, (before,)).fetchall():
                counts = json.loads(text)
                if PRUNED in counts or (only is not None and run not in only):
                    continue
                (twice,) = database.execute(_IN_BOTH, (run,)).fetchone()
                tables = ("accepted", "detailed", "requests")
                deletions = (f"DELETE FROM {table} WHERE run = ?" for table in tables)  # noqa: S608 - constants
                forgotten[run] = sum(database.execute(each, (run,)).rowcount for each in deletions) - twice
                # The ending of a run that was stopped may quote Opus's reason.
                told = ending if ending in ("", "done") else "stopped"
                counts = json.dumps({**counts, PRUNED: forgotten[run]})
                query = "UPDATE runs SET ending = ?, counts = ? WHERE id = ?"
                database.execute(query, (told, counts, run))
            sqlite_columns.forget_gone(database, forgotten)
        with translated(self._path):
            # Nothing that was deleted is left in a free page or in the log.
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Pruned(tuple(forgotten), sum(forgotten.values()))

    def runs(self) -> tuple[Run, ...]:
        with reading(self._path):
            rows = self._reader.execute(f"{_RUNS} ORDER BY runs.id DESC").fetchall()
            return tuple(read_run(row) for row in rows)

    def records(self, run: Run, *states: State) -> Iterator[JournalRecord]:
        wanted = states or tuple(State)
        with reading(self._path):
            special = [read_detailed(row) for row in self._reader.execute(_DETAILED, (run.id,))]
            for row in self._reader.execute(f"{_REQUESTS} WHERE run = ?", (run.id,)):
                request = Request.from_row(row)
                special += request.pending(request.sent)
            special = sorted((each for each in special if each.state in wanted), key=_PLACE)
            if State.ACCEPTED not in wanted:
                yield from special
                return
            plain = (read_accepted(row) for row in self._reader.execute(_ACCEPTED, {"run": run.id}))
            yield from heapq.merge(plain, special, key=_PLACE)

    def find_records(self, origin: str, connection: str, keys: Collection[str]) -> dict[str, JournalRecord]:
        with reading(self._path):
            target = sqlite_destructions.find_target(self._reader, origin, connection)
            return {} if target is None else sqlite_destructions.find_records(self._reader, target, keys)

    def find_accepted(self, origin: str, connection: str, keys: Collection[str]) -> dict[str, JournalRecord]:
        with reading(self._path):
            target = sqlite_destructions.find_target(self._reader, origin, connection)
            return {} if target is None else sqlite_destructions.find_accepted(self._reader, target, keys)

    def compare_columns(
        self, origin: str, connection: str, records: Mapping[str, tuple[bytes, bytes]]
    ) -> dict[str, tuple[str, ...]]:
        with reading(self._path):
            target = sqlite_destructions.find_target(self._reader, origin, connection)
            return {} if target is None else sqlite_columns.compare_columns(self._reader, target, records)

    def accepted_keys(self, origin: str, connection: str) -> Iterator[str]:
        with reading(self._path):
            target = sqlite_destructions.find_target(self._reader, origin, connection)
            if target is not None:
                yield from sqlite_columns.read_accepted_keys(self._reader, target)

    def keep_gone(self, run: Run, keys: Iterable[str]) -> None:
        with self._durably() as database:
            sqlite_columns.write_gone(database, run.id, keys)

    def gone(self, run: Run) -> tuple[str, ...]:
        with reading(self._path):
            return sqlite_columns.read_gone(self._reader, run.id)

    def destructions(
        self, origin: str, connection: str, keys: Collection[str] | None = None
    ) -> Iterator[Destruction]:
        with reading(self._path):
            target = sqlite_destructions.find_target(self._reader, origin, connection)
            if target is not None:
                yield from sqlite_destructions.read_destructions(self._reader, target, keys)

    def write_destructions(
        self, origin: str, connection: str, rows: Iterable[Destruction], *, forget: Collection[str] = ()
    ) -> None:
        with reading(self._path), self._durably() as database:
            target = sqlite_destructions.find_target(database, origin, connection)
            if target is None:
                raise unknown_connection(self._path, connection)
            sqlite_destructions.write_destructions(database, target, rows)
            sqlite_destructions.forget_records(database, target, forget)

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
                # SQLite rolls back automatically after some errors; a second rollback is another error.
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _prepare(self, *, write: bool) -> None:
        """Set the file up for durability, make or upgrade its tables, refuse a foreign one."""
        check_kind(self._database, self._path, write=write)
        if not write:
            self._database.execute("PRAGMA query_only = ON")
            return
        (mode,) = self._database.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode not in ("wal", "memory"):
            problem = "the journal's log needs shared memory, which its file system does not have"
            raise JournalError(self._path, problem, "name a file on a local disk in OPUSMAP_JOURNAL")
        # RowKeys in no order touch a page each: hold many (64 MB), and write each back rarely.
        self._database.execute("PRAGMA cache_size = -65536")
        prepare_schema(self._database)
        if self._log is not None:
            self._log.take_over(self._database)
        with self._durably() as database:
            killed = [
                Request.from_row(row) for row in database.execute(f"{_REQUESTS} ORDER BY id").fetchall()
            ]
            now = Timestamp(self._clock(), self._ticks())
            apply_writes(database, self._in_flight.recover(killed, now))
            detailed = database.execute("SELECT EXISTS (SELECT 1 FROM detailed)").fetchone()[0]
            self._in_flight.any_detailed = bool(detailed)


class _LoneShare(Share):
    """The share of the only process that the journal lets write: all parts, one after the other.

    Which ones are done is known here alone.
    """

    def __init__(self, journal: Journal, run: Run, staged: StagedParts) -> None:
        self.run = run
        self._journal, self._staged = journal, staged
        self._next, self._done = 0, 0
        self._counts: Counter[str] = Counter(dict.fromkeys(PART_COUNTS, 0))
        self._requests = {"requests": 0, "retries": 0}

    async def take(self) -> int | None:
        if self._next == self._staged.parts:
            return None
        self._next += 1
        return self._next - 1

    async def finish(self, part: int, counts: Mapping[str, int]) -> None:  # noqa: ARG002 - it knows them all
        self._done += 1
        self._counts.update(counts)

    def note_requests(self, requests: int, retries: int) -> None:
        self._requests = {"requests": requests, "retries": retries}

    async def look(self) -> Progress:
        if self._done == self._staged.parts and self.run.finished is None:
            self._end("done")
        return self._progress(processes=1)

    async def leave(self, ending: str, counts: Mapping[int, Mapping[str, int]]) -> Progress:
        for part in counts.values():
            self._counts.update(part)
        if self.run.finished is None:
            self._end(ending)
        return self._progress(processes=0)

    def _end(self, ending: str) -> None:
        counts = self._staged.total({**self._counts, **self._requests})
        self.run = self._journal.finish_run(self.run, ending=ending, counts=counts)

    def _progress(self, processes: int) -> Progress:
        taken = self._next - self._done if processes else 0
        free = self._staged.parts - self._done - taken
        return Progress(self.run, self._done, taken, free, processes, {**self._counts, **self._requests})
