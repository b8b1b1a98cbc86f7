"""A journal in PostgreSQL, for processes that have no disk, and for several that share reports.

It keeps the promises of the one in a file: intents are durable before requests, what is in flight goes there
in one commit, and what a killed process had in flight is pending. One run of a connection writes at a time
(`postgres_lease`), by one process or by several that share it (`postgres_share`); runs of others may, and any
may read. If the connection is lost, the run stops, as it does at a full disk: what Opus said is written, or
the record stays pending.

The late-effect window counts by the database's clock, because another machine may go on: a moment is stored
by that clock, and given out as so many seconds before now, by the clocks of the process that asks. So a wrong
clock of one machine shortens no wait; one that runs backwards in the database makes it start again.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

import psycopg

from opusmap.errors import JournalError
from opusmap.journal import postgres_columns, postgres_destructions
from opusmap.journal.destruction import Destruction
from opusmap.journal.group_commit import GroupCommit, SyncExecutor
from opusmap.journal.in_flight import InFlight, Request
from opusmap.journal.interface import Journal, Session, Share
from opusmap.journal.models import (
    PRUNED,
    JournalRecord,
    Pruned,
    Run,
    StagedParts,
    State,
    Timestamp,
    pack_evidence,
    read_run,
    unknown_connection,
    unpack_evidence,
)
from opusmap.journal.postgres_lease import Leases, Other, Waiting
from opusmap.journal.postgres_records import (
    ACCEPTED,
    DETAILED,
    FLYING,
    IN_BOTH,
    KILLED,
    LOOK_UP,
    REQUESTS,
    record_reader,
)
from opusmap.journal.postgres_schema import (
    DURABLE,
    NOW,
    PRUNED_TABLES,
    apply_writes,
    check_schema,
    prepare_schema,
)
from opusmap.journal.postgres_server import Database, connect, damaged, reading, translated
from opusmap.journal.postgres_session import LeasedSession, TargetWriter
from opusmap.journal.postgres_share import PostgresShare, join_or_begin
from opusmap.journal.write_set import WriteSet
from opusmap.settings import PostgresAddress

_RUNS = """
SELECT runs.id, origin, connection, mapping, started, finished, ending, counts, trusted_from, false
FROM opusmap.runs JOIN opusmap.targets ON targets.id = target
"""
_OLD = """
SELECT id, target, ending, counts FROM opusmap.runs WHERE coalesce(finished, started) < %s ORDER BY id
"""
_START = f"""
INSERT INTO opusmap.runs (id, target, mapping, started, staged)
VALUES (%(run)s, %(target)s, %(mapping)s, {NOW}, %(staged)s)
"""  # noqa: S608 - constants
_FINISH = f"""
UPDATE opusmap.runs SET finished = {NOW}, ending = %(ending)s, counts = %(counts)s WHERE id = %(run)s
"""  # noqa: S608 - constants
_TARGET = "INSERT INTO opusmap.targets (origin, connection) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_PLACE = attrgetter("row", "key")
_T = TypeVar("_T")


class PostgresJournal(Journal):
    """A journal in a database's schema `opusmap`. `open_journal` opens one as usual."""

    leases_type: type[Leases] = Leases
    share_type: type[PostgresShare] = PostgresShare

    def __init__(
        self,
        address: PostgresAddress,
        *,
        write: bool = True,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        database_clock: Callable[[], float] | None = None,
        lease: float | None = None,
        sync_executor: SyncExecutor | None = None,
        in_flight: InFlight | None = None,
    ) -> None:
        """Open the journal at an address; a database without its tables gets them.

        Args:
            address: of the database.
            write: to write, too. Reports open it with False.
            clock: seconds since 1970, by this machine.
            ticks: seconds that never run backwards while the machine is up.
            database_clock: seconds since 1970 that count in place of the server's, in simulations.
            lease: seconds until another may write if this process is gone; by default as the database says.
            sync_executor: waits for the server; by default a thread does.
            in_flight: plans what is written, if not as usual.

        Raises:
            JournalError: the server can't be used, or the journal is of another version. `NoJournal` if it is
                to be read and there is none.
        """
        self._address, self._place = address, str(address)
        self._clock, self._ticks = clock, ticks
        self._now: Callable[[], float | None] = database_clock or (lambda: None)
        self._in_flight = in_flight or InFlight()
        self._executor = sync_executor
        self._lock = threading.RLock()
        self._idle: list[Database] = []  # connections for long readings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="opusmap-journal-reads")
        with ExitStack() as opened, reading(self._place):
            self._reader = connect(address)
            opened.callback(self._reader.close)
            opened.callback(self._close_idle)
            self._leases: Leases | None = None
            if write:
                self._database = connect(address)
                opened.callback(self._database.close)
                prepare_schema(self._database, self._place)
                postgres_destructions.prepare_destructions(self._database)
                postgres_columns.prepare_columns(self._database)
                leases = self.leases_type(
                    self._database,
                    self._lock,
                    self._place,
                    now=self._now,
                    lease=lease,
                    uptime=None if database_clock is None else ticks,
                    recover=self._recover,
                )
                self._leases = opened.enter_context(leases)
                leases.visit_left()
            else:
                check_schema(self._reader, self._place)
            opened.callback(self._thread.shutdown)
            self._opened = opened.pop_all()

    def close(self) -> None:
        self._opened.close()

    @property
    def in_memory(self) -> bool:
        return False

    def identity(self) -> str:
        with reading(self._place):
            found = self._reader.execute("SELECT id FROM opusmap.journal").fetchone()
        if found is None:
            raise damaged(self._place, "its id is missing")
        return str(found[0])

    def start_run(self, *, origin: str, connection: str, mapping: str, distrust: bool = False) -> Run:
        with reading(self._place):
            target = self._find_target(origin, connection)
            self._hold(target)
            with self.durably(target):
                return self._insert_run(target, mapping, distrust=distrust)

    async def wait_to_write(self, *, origin: str, connection: str) -> None:
        target = await self.in_thread(partial(self._find_target, origin, connection))
        await self._wait(partial(self.leases.take_alone, target))

    async def stay_writer(self) -> None:
        if not self.leases.is_fresh and not self.leases.lost:
            await self.in_thread(self._renew)
        if self.leases.lost:
            raise self.lost()

    def _renew(self) -> None:
        with self.translated():
            self.leases.renew()

    async def share_run(
        self, *, origin: str, connection: str, mapping: str, staged: StagedParts, distrust: bool = False
    ) -> Share:
        target = await self.in_thread(partial(self._find_target, origin, connection))
        joined: list[Run] = []

        def join() -> Other | None:
            with self.leases.locked(target) as others:
                database = self._database
                database.execute(f"SELECT {DURABLE}")
                insert = partial(self._insert_run, target, mapping, distrust=distrust, staged=staged.content)
                found = join_or_begin(database, target, staged, others, insert, distrust=distrust)
                if isinstance(found, Other):
                    return found
                self.leases.open(target, found)
                # Whatever the others write, what this one accepts has nothing more to say.
                self._in_flight.any_detailed = True
                joined.append(self.find_run(database, found))
            return None

        await self._wait(join)
        return self.share_type(self, self._database, joined[0], target, staged)

    @asynccontextmanager
    async def session(self, run: Run) -> AsyncIterator[Session]:
        with reading(self._place):
            found = self._reader.execute(
                "SELECT target FROM opusmap.runs WHERE id = %s", (run.id,)
            ).fetchone()
        if found is None:
            raise JournalError(self._place, f"the journal contains no run {run.id}")
        target: int = found[0]
        self._hold(target)
        find = partial(self._look_up, target)
        with reading(self._place):
            hasher = postgres_columns.read_hasher(self._reader, target)
        async with GroupCommit(TargetWriter(self, target), self._executor) as commits:
            session = LeasedSession(self, self._in_flight, commits, run, target, find, hasher)
            try:
                yield session
            finally:
                await session.end()

    async def _look_up(self, target: int, keys: Sequence[str]) -> dict[str, JournalRecord]:
        def ask() -> dict[str, JournalRecord]:
            with reading(self._place):
                return self._find_known(target, keys)

        return await self.in_thread(ask)

    async def in_thread(self, work: Callable[[], _T]) -> _T:
        """Do something that waits for the server, while the event loop goes on."""
        loop = asyncio.get_running_loop()
        if self._executor is None:
            return await loop.run_in_executor(self._thread, work)
        done, answers = loop.create_future(), list[_T]()

        def end(error: BaseException | None) -> None:
            if not done.done():  # who waited was cancelled
                done.set_result(error)

        self._executor(lambda: answers.append(work()), end)
        error = await done
        if error is not None:
            raise error
        return answers[0]

    async def _wait(self, attempt: Callable[[], Other | None]) -> None:
        waiting = Waiting(self._place, attempt)
        while pause := await self.in_thread(waiting.step):  # noqa: ASYNC110 - no event of ours ends it
            await asyncio.sleep(pause)

    def apply(self, target: int, writes: WriteSet) -> None:
        """Write what was planned for a target, all or none, and durably.

        Raises:
            JournalError: it can't be written, or another run holds the target.
        """
        with self._lock, translated(self._place):
            written = self.write_rows(target, writes)
        if written is None:
            raise self.lost()
        self.leases.note_hold(target, *written)

    def write_rows(self, target: int, writes: WriteSet) -> tuple[float | None, float | None] | None:
        """Write rows of a target, by `apply_writes`."""
        writer = self.leases.writer
        return apply_writes(self._database, target, writer, writes, ticks=self._ticks(), now=self._now())

    def finish_run(self, run: Run, *, ending: str, counts: Mapping[str, int], whole: bool = True) -> Run:  # noqa: ARG002 - no version before hashed otherwise
        with reading(self._place), self.durably() as database:
            facts = {"ending": ending.encode(), "counts": json.dumps(dict(counts)), "run": run.id}
            database.execute(_FINISH, {**facts, "now": self._now()})
            return self.find_run(database, run.id)

    def keep_evidence(self, run: Run, evidence: Mapping[str, Any]) -> None:
        query = (
            "INSERT INTO opusmap.evidence VALUES (%s, %s) "
            "ON CONFLICT (run) DO UPDATE SET content = excluded.content"
        )
        with translated(self._place), self.durably() as database:
            database.execute(query, (run.id, pack_evidence(evidence)))

    def evidence(self, run: Run) -> dict[str, Any]:
        with reading(self._place):
            query = "SELECT content FROM opusmap.evidence WHERE run = %s"
            return unpack_evidence(self._reader.execute(query, (run.id,)).fetchone(), run.id)

    def prune(self, before: float, only: Collection[int] | None = None) -> Pruned:
        forgotten: dict[int, int] = {}
        with reading(self._place):
            rows = self._reader.execute(_OLD, (before,)).fetchall()
            old = [
                (run, target, ending.decode(), counts)
                for run, target, ending, text in rows
                if PRUNED not in (counts := json.loads(text)) and (only is None or run in only)
            ]
            targets = sorted({target for _, target, _, _ in old})
            for target in targets:  # a run that goes on must not lose what it has in flight
                self._hold(target)
            with self.durably(*targets) as database:
                for run, _, ending, counts in old:
                    twice = int(_one(database.execute(IN_BOTH, (run,))))
                    deletions = (f"DELETE FROM opusmap.{table} WHERE run = %s" for table in PRUNED_TABLES)  # noqa: S608 - constants
                    forgotten[run] = (
                        sum(database.execute(each, (run,)).rowcount for each in deletions) - twice
                    )
                    # The ending of a run that was stopped may quote Opus's reason.
                    told = ending if ending in ("", "done") else "stopped"
                    query = "UPDATE opusmap.runs SET ending = %s, counts = %s WHERE id = %s"
                    kept = json.dumps({**counts, PRUNED: forgotten[run]})
                    database.execute(query, (told.encode(), kept, run))
                postgres_columns.forget_gone(database, forgotten)
            # Nothing that was deleted is left in the tables' files: each is written again.
            with self._lock:
                for table in (*PRUNED_TABLES, "gone", "runs") if forgotten else ():
                    self._database.execute(f"VACUUM (FULL) opusmap.{table}")
        return Pruned(tuple(forgotten), sum(forgotten.values()))

    def runs(self) -> tuple[Run, ...]:
        with reading(self._place):
            rows = self._reader.execute(f"{_RUNS} ORDER BY runs.id DESC").fetchall()
            return tuple(_read_run(row) for row in rows)

    def records(self, run: Run, *states: State) -> Iterator[JournalRecord]:
        wanted = states or tuple(State)
        values = {"run": run.id, "now": self._now()}
        with reading(self._place):
            read = record_reader(self._at)
            special = [read(row) for row in self._reader.execute(DETAILED, values, binary=True).fetchall()]
            for row in self._reader.execute(REQUESTS, values, binary=True).fetchall():
                *facts, age, items = row
                request = Request.from_row((*facts, 0.0, items))
                special += request.pending(self._at(age))
            special = sorted((each for each in special if each.state in wanted), key=_PLACE)
            if State.ACCEPTED not in wanted:
                yield from special
                return
            # Many rows: the server hands them out as they are read.
            with (
                self._spare() as database,
                database.transaction(),
                database.cursor(name="accepted") as cursor,
            ):
                cursor.itersize = 2_000
                cursor.execute(ACCEPTED, {"run": run.id}, binary=True)
                yield from heapq.merge(map(read, cursor), special, key=_PLACE)

    def find_records(self, origin: str, connection: str, keys: Collection[str]) -> dict[str, JournalRecord]:
        with reading(self._place):
            target = self._known_target(origin, connection)
            if target is None:
                return {}
            found, wanted = self._find_known(target, keys), set(keys)
            values = {"target": target, "now": self._now()}
            for row in self._reader.execute(FLYING, values, binary=True).fetchall():
                *facts, age, items = row
                request = Request.from_row((*facts, 0.0, items))
                found |= {each.key: each for each in request.pending(self._at(age)) if each.key in wanted}
            return found

    def find_accepted(self, origin: str, connection: str, keys: Collection[str]) -> dict[str, JournalRecord]:
        with reading(self._place):
            target = self._known_target(origin, connection)
            versions = () if target is None else self._read_versions(target, keys)
            found = [each for each in versions if each.state is State.ACCEPTED]
            return {each.key: each for each in reversed(found)}  # the plain ones come first

    def compare_columns(
        self, origin: str, connection: str, records: Mapping[str, tuple[bytes, bytes]]
    ) -> dict[str, tuple[str, ...]]:
        with reading(self._place):
            target = self._known_target(origin, connection)
            return {} if target is None else postgres_columns.compare_columns(self._reader, target, records)

    def accepted_keys(self, origin: str, connection: str) -> Iterator[str]:
        with reading(self._place):
            target = self._known_target(origin, connection)
            if target is not None:
                yield from postgres_columns.read_accepted_keys(self._spare, target)

    def keep_gone(self, run: Run, keys: Iterable[str]) -> None:
        with translated(self._place), self.durably() as database:
            postgres_columns.write_gone(database, run.id, keys)

    def gone(self, run: Run) -> tuple[str, ...]:
        with reading(self._place):
            return postgres_columns.read_gone(self._reader, run.id)

    def destructions(
        self, origin: str, connection: str, keys: Collection[str] | None = None
    ) -> Iterator[Destruction]:
        with reading(self._place):
            target = self._known_target(origin, connection)
            if target is not None:
                yield from postgres_destructions.read_destructions(self._reader, target, keys)

    def write_destructions(
        self, origin: str, connection: str, rows: Iterable[Destruction], *, forget: Collection[str] = ()
    ) -> None:
        with reading(self._place):
            target = self._known_target(origin, connection)
            if target is None:
                raise unknown_connection(self._place, connection)
            self._hold(target)
            with self.durably(target) as database:
                postgres_destructions.write_destructions(database, target, rows)
                postgres_destructions.forget_records(database, target, forget)

    # -- inside

    def _known_target(self, origin: str, connection: str) -> int | None:
        query = "SELECT id FROM opusmap.targets WHERE origin = %s AND connection = %s"
        found = self._reader.execute(query, (origin, connection)).fetchone()
        return None if found is None else int(found[0])

    def _find_known(self, target: int, keys: Collection[str]) -> dict[str, JournalRecord]:
        return {each.key: each for each in self._read_versions(target, keys)}  # more to say comes last

    def _read_versions(self, target: int, keys: Collection[str]) -> list[JournalRecord]:
        values = {"target": target, "keys": [key.encode() for key in keys], "now": self._now()}
        rows = self._reader.execute(LOOK_UP, values, binary=True).fetchall()
        return [*map(record_reader(self._at), rows)]

    @property
    def leases(self) -> Leases:
        """The leases of this process, which writes."""
        if self._leases is None:
            raise JournalError(self._place, "the journal was opened for reading only")
        return self._leases

    @property
    def now(self) -> float | None:
        """The time of a simulated server, or None."""
        return self._now()

    def translated(self) -> AbstractContextManager[None]:
        """Turn PostgreSQL's errors into ours."""
        return translated(self._place)

    def lost(self) -> JournalError:
        """Return the error for a process whose lease another one has ended."""
        return JournalError(
            self._place,
            "another run of this connection has taken the journal over, because this one did not answer",
            "start only one run of a connection at a time; the other one continues",
        )

    def _hold(self, target: int) -> None:
        """Hold a target as its only writer; make pending what a killed run had in flight there."""
        if target in self.leases.held:
            return
        waiting = Waiting(self._place, partial(self.leases.take_alone, target))
        while pause := waiting.step():
            time.sleep(pause)

    def _recover(self, target: int) -> None:
        """Make pending what writers without a lease left in flight; this one has one, in a transaction."""
        values = {"target": target, "now": self._now()}
        rows = self._database.execute(KILLED, values, binary=True).fetchall()
        killed = [Request.from_row(row) for row in sorted(rows)]
        writes = self._in_flight.recover(killed, Timestamp(self._clock(), self._ticks()))
        self.write_rows(target, WriteSet(detailed=writes.detailed))
        query = "SELECT EXISTS (SELECT FROM opusmap.detailed WHERE target = %s)"
        if not self.leases.held:
            self._in_flight.any_detailed = False
        self._in_flight.any_detailed |= bool(_one(self._database.execute(query, (target,))))

    def _find_target(self, origin: str, connection: str) -> int:
        with reading(self._place), self.durably() as database:
            database.execute(_TARGET, (origin, connection))
            query = "SELECT id FROM opusmap.targets WHERE origin = %s AND connection = %s"
            return int(_one(database.execute(query, (origin, connection))))

    def _insert_run(self, target: int, mapping: str, *, distrust: bool, staged: str | None = None) -> Run:
        """Insert a run, in a transaction."""
        database = self._database
        number = _one(
            database.execute("UPDATE opusmap.journal SET last_run = last_run + 1 RETURNING last_run")
        )
        facts = {"run": number, "target": target, "mapping": mapping.encode(), "staged": staged}
        database.execute(_START, {**facts, "now": self._now()})
        if distrust:
            query = "UPDATE opusmap.targets SET trusted_from = %s WHERE id = %s"
            database.execute(query, (number, target))
        return self.find_run(database, number)

    @contextmanager
    def durably(self, *targets: int) -> Iterator[Database]:
        """Begin a transaction that is durable at its end, for targets that no other writer holds."""
        leases = self.leases
        with self._lock, self._database.transaction():
            self._database.execute(f"SELECT {DURABLE}")
            if not all(leases.is_held(target) for target in targets):
                raise self.lost()
            yield self._database

    @contextmanager
    def _spare(self) -> Iterator[Database]:
        """Use a connection alone; it is kept for the next time."""
        database = self._idle.pop() if self._idle else connect(self._address)
        try:
            yield database
        except BaseException:
            database.close()
            raise
        self._idle.append(database)

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def find_run(self, database: Database, number: int) -> Run:
        row = database.execute(f"{_RUNS} WHERE runs.id = %s", (number,)).fetchone()
        if row is None:
            raise JournalError(self._place, f"the journal contains no run {number}")
        return _read_run(row)

    def _at(self, age: float) -> Timestamp:
        """Return the moment so many seconds ago, by this process's clocks; none that is still to come."""
        return Timestamp(self._clock() - max(0.0, age), self._ticks() - max(0.0, age))


def _read_run(row: tuple[Any, ...]) -> Run:
    number, origin, connection, mapping, *times, ending, counts, trusted_from, older_hash = row
    texts = mapping.decode(), ending.decode()
    return read_run(
        (number, origin, connection, texts[0], *times, texts[1], counts, trusted_from, older_hash)
    )


def _one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Any:
    row = cursor.fetchone()
    if row is None:
        raise ValueError("a row is missing")
    return row[0]
