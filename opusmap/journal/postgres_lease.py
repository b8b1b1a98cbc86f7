"""Who may write to a target: one opened journal alone, or all that send a run's parts, each by a lease.

A lease is a row, and not a session's lock, because a connection pooler hands a session to others. It is
renewed by heartbeats while the process lives, given back at the end, and over when it has run out and another
process has ended it. What a process whose lease is over had in flight becomes pending then, and its parts are
free. All times are the database's.

A request must not leave once another process may have ended the lease. So before each one the process looks
how long ago it renewed the lease, by its own clock, and renews it first if that is long.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

import psycopg

from opusmap.errors import JournalError
from opusmap.journal.postgres_schema import HELD, NOW
from opusmap.journal.postgres_server import Database, translated

_BEATS = 3
"""Heartbeats in the time of a lease."""

_FRESH = 0.5
"""For how much of a lease's time a renewal is enough to send. The rest is for what comes between that look
and the request's first byte on the way."""

PAUSE = 0.5
"""Seconds between two looks at another process's lease."""

_OPEN = f"""INSERT INTO opusmap.leases (writer, target, run, expires)
    VALUES (%(writer)s, %(target)s, %(run)s, {NOW} + %(lease)s)
    ON CONFLICT (writer, target) DO UPDATE SET run = excluded.run, expires = excluded.expires"""  # noqa: S608
_OTHERS = f"""SELECT writer, run, expires, expires - {NOW} FROM opusmap.leases
    WHERE target = %(target)s AND writer <> %(writer)s AND expires IS NOT NULL ORDER BY writer"""  # noqa: S608
_LOCK = "SELECT FROM opusmap.targets WHERE id = %(target)s FOR UPDATE"
# A lease that its writer is just using is passed over: it is alive.
_BURY = f"""WITH gone AS (
        SELECT writer, target FROM opusmap.leases WHERE target = %(target)s AND expires < {NOW}
        AND writer <> %(writer)s FOR UPDATE SKIP LOCKED
    ), ended AS (
        UPDATE opusmap.leases SET expires = NULL FROM gone
        WHERE leases.writer = gone.writer AND leases.target = gone.target RETURNING leases.writer
    )
    UPDATE opusmap.parts SET writer = NULL FROM ended WHERE parts.writer = ended.writer"""  # noqa: S608
_TIDY = "DELETE FROM opusmap.leases WHERE target = %(target)s AND run IS NULL AND expires IS NULL"
_ORPHANS = """EXISTS (SELECT FROM opusmap.requests WHERE requests.target = targets.id AND NOT EXISTS (
    SELECT FROM opusmap.leases WHERE leases.writer = requests.writer AND leases.target = targets.id
    AND expires IS NOT NULL))"""
_DEAD = f"""EXISTS (SELECT FROM opusmap.leases WHERE leases.target = targets.id
    AND expires < {NOW} AND writer <> %(writer)s)"""
_ANY_LEFT = f"SELECT {_DEAD} OR {_ORPHANS} FROM opusmap.targets WHERE id = %(target)s"  # noqa: S608
_ALL_LEFT = f"""SELECT id FROM opusmap.targets
    WHERE EXISTS (SELECT FROM opusmap.requests WHERE target = targets.id) AND ({_ORPHANS} OR {_DEAD})
    ORDER BY id FOR UPDATE SKIP LOCKED"""  # noqa: S608
_RENEW = f"""UPDATE opusmap.leases SET expires = {NOW} + %(lease)s, requests = %(requests)s,
    retries = %(retries)s FROM opusmap.targets
    WHERE targets.id = leases.target AND writer = %(writer)s AND expires IS NOT NULL
    RETURNING target, hold_at, hold_until - {NOW}"""  # noqa: S608
_GIVE_BACK = (
    "UPDATE opusmap.parts SET writer = NULL WHERE writer = %(writer)s",
    "DELETE FROM opusmap.leases WHERE writer = %(writer)s AND run IS NULL",
    """UPDATE opusmap.leases SET expires = NULL, requests = %(requests)s, retries = %(retries)s
    WHERE writer = %(writer)s AND expires IS NOT NULL""",
)
_HOLD = f"""UPDATE opusmap.targets SET hold_at = {NOW}, hold_until = {NOW} + %(seconds)s
    WHERE id = %(target)s AND coalesce(hold_until, 0) < {NOW} + %(seconds)s RETURNING hold_at"""  # noqa: S608

_log = logging.getLogger("opusmap.journal")


def count_uptime() -> float:
    """Return seconds that never run backwards; where the system can tell, those of its sleep count, too."""
    uptime = time.monotonic()
    if sys.platform == "linux":
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME)  # the other clock pauses while the machine sleeps
    return uptime


@dataclass(frozen=True, slots=True)
class Other:
    """The lease of another process: the run that it sends with others, None if it writes alone."""

    writer: int
    run: int | None
    expires: float
    remaining: float


class Leases:
    """The leases of one opened journal, `writer` by number. Use it as a context manager.

    `lock` is held while the connection is used: a heartbeat must not come into a transaction. `recover` makes
    pending what writers without a lease left in flight at a target, which is locked. `uptime` is a
    simulation's seconds, or None. `requests` and `retries` are what this process has sent; they go with each
    heartbeat. `lost`: another process has ended a lease.
    """

    def __init__(
        self,
        database: Database,
        lock: threading.RLock,
        place: str,
        *,
        now: Callable[[], float | None],
        lease: float | None,
        uptime: Callable[[], float] | None,
        recover: Callable[[int], None],
    ) -> None:
        self._database, self._lock, self._place = database, lock, place
        self._now, self._uptime, self._recover = now, uptime or count_uptime, recover
        self._beats = uptime is None  # a simulation has no real time in which to beat
        query = "UPDATE opusmap.journal SET last_writer = last_writer + 1 RETURNING last_writer, lease"
        found = database.execute(query).fetchone()
        assert found is not None  # `check_schema` has read the row
        self.writer: int = found[0]
        self._lease: float = found[1] if lease is None else lease
        self.held = set[int]()
        self.requests = self.retries = 0
        self.lost = False
        self._beat_at = float("-inf")  # when the last renewal began that was granted
        self._holds: dict[int, tuple[float, float]] = {}  # the latest of each target: its moment, and its end
        self._known_holds: dict[int, float] = {}  # those that this process knows, by their moment
        self._ended = threading.Event()
        self._heart: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the heartbeats, and give all leases back; if the server is away, they run out."""
        self._ended.set()
        if self._heart is not None:
            self._heart.join()
        with self._lock, suppress(psycopg.Error), self._database.transaction():
            for query in _GIVE_BACK:
                self._database.execute(query, self._values(0))

    # -- taking one

    def visit_left(self) -> None:
        """Make pending what was left in flight at targets whose writers are gone."""
        with self._lock, self._database.transaction():
            values = self._values(0)
            for (target,) in self._database.execute(_ALL_LEFT, values).fetchall():
                self._database.execute(_OPEN, self._values(target))
                self._bury(target)
                query = "DELETE FROM opusmap.leases WHERE writer = %(writer)s AND target = %(target)s"
                self._database.execute(query, self._values(target))

    @contextmanager
    def locked(self, target: int) -> Iterator[tuple[Other, ...]]:
        """Begin a transaction that decides who may write to a target: give the leases of others."""
        with self._lock, self._database.transaction():
            self._database.execute(_LOCK, self._values(target))
            self._database.execute(_BURY, self._values(target))
            self._database.execute(_TIDY, self._values(target))
            rows = self._database.execute(_OTHERS, self._values(target)).fetchall()
            yield tuple(Other(*row) for row in rows)

    def open(self, target: int, run: int | None) -> None:
        """Take a lease, in a transaction of `locked` that found no reason against it."""
        began = self._uptime()
        self._database.execute(_OPEN, self._values(target, run))
        self._recover(target)
        self.held.add(target)
        self._beat_at = began if len(self.held) == 1 else min(began, self._beat_at)
        if self._heart is None and self._beats:
            self._heart = threading.Thread(target=self._beat, name="opusmap-journal-lease", daemon=True)
            self._heart.start()

    def take_alone(self, target: int) -> Other | None:
        """Take the lease of a target for this process alone; return who is in the way, if one is."""
        with self.locked(target) as others:
            if others:
                return others[0]
            self.open(target, None)
        return None

    def bury_dead(self, target: int) -> None:
        """Free the parts of processes whose leases have run out, in a transaction of `is_held`."""
        if self._database.execute(_ANY_LEFT, self._values(target)).fetchone() == (True,):
            self._database.execute(_LOCK, self._values(target))
            self._bury(target)

    def _bury(self, target: int) -> None:
        self._database.execute(_BURY, self._values(target))
        self._recover(target)

    def is_held(self, target: int) -> bool:
        """Return whether the own lease is not over; no other process ends it before the transaction does."""
        return self._database.execute(f"SELECT 1 {HELD}", self._values(target)).fetchone() is not None

    # -- keeping it

    def _beat(self) -> None:
        while not self._ended.wait(self._lease / _BEATS) and not self.lost:
            # A connection that is lost shows at the next write.
            with suppress(psycopg.Error):
                self.renew()

    def renew(self) -> None:
        """Renew the leases, and learn which are over, and of holds."""
        began = self._uptime()
        with self._lock:
            rows = self._database.execute(_RENEW, self._values(0)).fetchall()
            if self.held - {target for target, _, _ in rows}:
                self.lost = True
            else:
                self._beat_at = began
        for target, moment, seconds in rows:
            self.note_hold(target, moment, seconds)

    @property
    def is_fresh(self) -> bool:
        """Whether the last renewal is so late that no other process can have ended a lease since."""
        return 0.0 <= self._uptime() - self._beat_at <= self._lease * _FRESH

    # -- holds

    def note_hold(self, target: int, moment: float | None, seconds: float | None) -> None:
        """Note the latest hold of a target, and how many seconds it still lasts, as the database says."""
        if moment is not None and seconds is not None:
            self._holds[target] = moment, self._uptime() + seconds

    def take_hold(self, target: int) -> float:
        """Return the seconds that a hold lasts of which this process does not know yet, or 0.

        Each is given once: should the database's clock be set back, nothing waits for that.
        """
        if target not in self._holds or self._known_holds.get(target) == self._holds[target][0]:
            return 0.0
        moment, until = self._holds[target]
        self._known_holds[target] = moment
        return max(0.0, until - self._uptime())

    def hold(self, target: int, seconds: float) -> None:
        """Tell the other processes to send nothing for so long."""
        with self._lock:
            values = {**self._values(target), "seconds": seconds}
            found = self._database.execute(_HOLD, values).fetchone()
        if found is not None:  # it outlasts those before it, so none of them is news any more
            self._known_holds[target] = found[0]
            self.note_hold(target, found[0], seconds)

    def _values(self, target: int, run: int | None = None) -> dict[str, object]:
        return {
            "target": target,
            "writer": self.writer,
            "run": run,
            "lease": self._lease,
            "now": self._now(),
            "requests": self.requests,
            "retries": self.retries,
        }


class Waiting:
    """Waits for the leases of others: until they are given back or have run out. Call `step` now and then.

    `attempt` takes what is wanted, or returns who is in the way.
    """

    def __init__(self, place: str, attempt: Callable[[], Other | None]) -> None:
        self._place, self._attempt = place, attempt
        self._seen: Other | None = None

    def step(self) -> float:
        """Return for how many seconds to wait before the next step; 0 when it is taken.

        Raises:
            JournalError: a process that is alive is in the way: its heart has beaten since.
        """
        with translated(self._place):
            other = self._attempt()
        if other is None:
            return 0.0
        seen = self._seen
        if seen is not None and seen.writer == other.writer and other.expires > seen.expires:
            raise _refuse(self._place, other)
        if seen is None:
            _log.warning(
                "another run of this connection was using the journal, and has not ended properly, "
                "or still runs; this run waits until that is known, at most %.0f seconds",
                max(other.remaining, 0.0),
            )
        if seen is None or seen.writer != other.writer:
            self._seen = other
        return PAUSE


def _refuse(place: str, other: Other) -> JournalError:
    if other.run is None:
        return JournalError(
            place,
            "another run of this connection is using the journal",
            "wait for it to end: one run of a connection sends at a time",
        )
    return JournalError(
        place,
        f"another run of this connection is using the journal: run {other.run}, of a staged run",
        "wait for it to end, or stop its processes: one run of a connection sends at a time",
    )
