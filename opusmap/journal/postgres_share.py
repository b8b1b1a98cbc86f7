"""A run that several processes send together: which parts are whose, in the tables `parts` and `leases`.

Each write makes sure that the process still has its lease, which is locked until the write is durable. A part
that is taken is locked by `FOR UPDATE SKIP LOCKED`: two processes that ask at once get two parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from opusmap.journal.interface import Share
from opusmap.journal.models import PART_COUNTS, PRUNED, Progress, Run, StagedParts
from opusmap.journal.postgres_lease import Other
from opusmap.journal.postgres_schema import NOW
from opusmap.journal.postgres_server import Database

if TYPE_CHECKING:
    from opusmap.journal.postgres_journal import PostgresJournal

_T = TypeVar("_T")

_LATEST = "SELECT id, staged, counts FROM opusmap.runs WHERE target = %s ORDER BY id DESC LIMIT 1"
_OPEN_PARTS = "SELECT EXISTS (SELECT FROM opusmap.parts WHERE run = %s AND NOT done)"
_TRUSTED_FROM = "SELECT trusted_from FROM opusmap.targets WHERE id = %s"
_PARTS = "INSERT INTO opusmap.parts (run, part) SELECT %s, generate_series(0, %s - 1)"
_REOPEN = "UPDATE opusmap.runs SET finished = NULL, ending = '' WHERE id = %s"
_TAKE = """UPDATE opusmap.parts SET writer = %(writer)s WHERE run = %(run)s AND part = (
    SELECT part FROM opusmap.parts WHERE run = %(run)s AND NOT done AND writer IS NULL
    ORDER BY part LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING part"""
_COUNTED = ", ".join(f"{name} = %({name})s" for name in PART_COUNTS)
_FINISH = f"""UPDATE opusmap.parts SET done = true, writer = NULL, {_COUNTED}
    WHERE run = %(run)s AND part = %(part)s AND writer = %(writer)s AND NOT done"""  # noqa: S608 - constants
_GIVE_BACK = f"""UPDATE opusmap.parts SET writer = NULL, {_COUNTED}
    WHERE run = %(run)s AND part = %(part)s AND writer = %(writer)s AND NOT done"""  # noqa: S608 - constants
_SUMS = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in PART_COUNTS)
_LOOK = f"""SELECT count(*) FILTER (WHERE done), count(*) FILTER (WHERE NOT done AND writer IS NOT NULL),
    count(*) FILTER (WHERE NOT done AND writer IS NULL), {_SUMS} FROM opusmap.parts WHERE run = %(run)s"""  # noqa: S608 - constants
_LOOK_AT_PROCESSES = """SELECT count(*) FILTER (WHERE expires IS NOT NULL),
    coalesce(sum(requests), 0)::bigint, coalesce(sum(retries), 0)::bigint
    FROM opusmap.leases WHERE run = %(run)s"""
_NOTE_REQUESTS = """UPDATE opusmap.leases SET requests = %(requests)s, retries = %(retries)s
    WHERE writer = %(writer)s AND run = %(run)s AND expires IS NOT NULL"""
_LEAVE = """UPDATE opusmap.leases SET expires = NULL, requests = %(requests)s, retries = %(retries)s
    WHERE writer = %(writer)s AND run = %(run)s"""
_END = f"""UPDATE opusmap.runs SET finished = {NOW}, ending = %(ending)s, counts = %(counts)s
    WHERE id = %(run)s AND finished IS NULL"""  # noqa: S608 - constants

_RECOUNT = "UPDATE opusmap.runs SET counts = %(counts)s WHERE id = %(run)s AND finished IS NOT NULL"


def join_or_begin(
    database: Database,
    target: int,
    staged: StagedParts,
    others: tuple[Other, ...],
    insert: Callable[[], Run],
    *,
    distrust: bool,
) -> int | Other:
    """Return the run to send, joined or inserted, or who is in the way. The target is locked meanwhile."""
    latest = database.execute(_LATEST, (target,)).fetchone()
    if latest is not None and latest[1] == staged.content:
        number, counts = latest[0], json.loads(latest[2])
        strangers = [other for other in others if other.run != number]
        trusted_from = database.execute(_TRUSTED_FROM, (target,)).fetchone()
        same_trust = not distrust or trusted_from == (number,)
        is_open = database.execute(_OPEN_PARTS, (number,)).fetchone() == (True,)
        clean = not (counts.get("failed") or counts.get("uncertain"))
        unfinished = (others or is_open or (clean and not distrust)) and PRUNED not in counts
        if not strangers and same_trust and unfinished:
            if is_open:
                database.execute(_REOPEN, (number,))
            return int(number)
    if others:
        return others[0]
    run = insert()
    database.execute(_PARTS, (run.id, staged.parts))
    return run.id


class PostgresShare(Share):
    """The share of one opened journal that has a lease for the run."""

    def __init__(
        self, journal: PostgresJournal, database: Database, run: Run, target: int, staged: StagedParts
    ) -> None:
        self.run = run
        self._journal, self._database = journal, database
        self._target, self._staged = target, staged

    async def take(self) -> int | None:
        def take() -> int | None:
            with self._journal.durably(self._target) as database:
                self._journal.leases.bury_dead(self._target)
                row = database.execute(self.take_statement, self._values()).fetchone()
                return None if row is None else int(row[0])

        return await self._in_thread(take)

    take_statement = _TAKE
    """Takes the first free part for `writer`, and returns its number."""

    async def finish(self, part: int, counts: Mapping[str, int]) -> None:
        def finish() -> None:
            with self._journal.durably(self._target) as database:
                values = self._values(part=part, **_part_counts(counts))
                if database.execute(_FINISH, values).rowcount != 1:
                    raise self._journal.lost()

        await self._in_thread(finish)

    def note_requests(self, requests: int, retries: int) -> None:
        leases = self._journal.leases
        leases.requests, leases.retries = requests, retries

    async def look(self) -> Progress:
        return await self._in_thread(self._look)

    async def leave(self, ending: str, counts: Mapping[int, Mapping[str, int]]) -> Progress:
        def leave() -> Progress:
            leases = self._journal.leases
            with leases.locked(self._target) as others, self._journal.translated():
                for part, counted in counts.items():
                    values = self._values(part=part, **_part_counts(counted))
                    self._database.execute(_GIVE_BACK, values)
                query = "UPDATE opusmap.parts SET writer = NULL WHERE writer = %(writer)s"
                self._database.execute(query, self._values())
                self._database.execute(_LEAVE, self._values())
                leases.held.discard(self._target)
                if not any(other.run == self.run.id for other in others):
                    self._end(ending)
                self._recount()
            return self._look()

        return await self._in_thread(leave)

    # -- inside

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        def translated() -> _T:
            with self._journal.translated():
                return work()

        return await self._journal.in_thread(translated)

    def _look(self) -> Progress:
        with self._journal.durably() as database:
            database.execute(_NOTE_REQUESTS, self._values())
            progress = self._count(database)
            if progress.done == self._staged.parts and progress.run.finished is None:
                self._end("done")
                progress = self._count(database)
        self.run = progress.run
        return progress

    def _count(self, database: Database) -> Progress:
        parts = database.execute(_LOOK, self._values()).fetchone()
        processes = database.execute(_LOOK_AT_PROCESSES, self._values()).fetchone()
        assert parts is not None
        assert processes is not None
        done, taken, free, *counts = parts
        alive, requests, retries = processes
        named = dict(zip(PART_COUNTS, counts, strict=True))
        named |= {"requests": requests, "retries": retries}
        return Progress(self._journal.find_run(database, self.run.id), done, taken, free, alive, named)

    def _end(self, ending: str) -> None:
        """Write how the run ended, in a transaction, unless that is known."""
        progress = self._count(self._database)
        if progress.done == self._staged.parts:
            ending = "done"
        counts = json.dumps(self._staged.total(progress.counts))
        self._database.execute(_END, self._values(ending=ending.encode(), counts=counts))

    def _recount(self) -> None:
        """Count again, in a transaction, for a run that another process ended while this one had requests."""
        counts = json.dumps(self._staged.total(self._count(self._database).counts))
        self._database.execute(_RECOUNT, self._values(counts=counts))

    def _values(self, **more: Any) -> dict[str, Any]:
        leases = self._journal.leases
        own = {"run": self.run.id, "writer": leases.writer, "now": self._journal.now}
        return {**own, "requests": leases.requests, "retries": leases.retries, **more}


def _part_counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts.get(name, 0) for name in PART_COUNTS}
