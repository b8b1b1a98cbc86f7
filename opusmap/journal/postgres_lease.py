"""Who may write to a target: one opened journal at a time, by a lease in the target's row.

A lease is not a session's lock, because a connection pooler hands a session to others. It is renewed by
heartbeats while the process lives, given back at the end, and free when it has run out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import psycopg

from opusmap.errors import JournalError
from opusmap.journal.postgres_schema import NOW
from opusmap.journal.postgres_server import Database, translated

LEASE = 30.0
"""Seconds that a lease lasts without a heartbeat."""

_BEATS = 3
"""Heartbeats in the time of a lease."""

_PAUSE = 0.5
"""Seconds between two looks at another process's lease."""

# What holds `expires` back from a process that lives is its heartbeat.
_TAKE = f"""UPDATE opusmap.targets SET writer = %(writer)s, expires = {NOW} + %(lease)s
    WHERE id = %(target)s AND (writer IS NULL OR writer = %(writer)s OR expires < {NOW}) RETURNING 1"""  # noqa: S608
_LEFT = f"""SELECT id FROM opusmap.targets WHERE (writer IS NULL OR expires < {NOW})
    AND EXISTS (SELECT FROM opusmap.requests WHERE target = targets.id) FOR UPDATE SKIP LOCKED"""  # noqa: S608
_TAKE_LEFT = f"""UPDATE opusmap.targets SET writer = %(writer)s, expires = {NOW} + %(lease)s
    WHERE id IN ({_LEFT}) RETURNING id"""  # noqa: S608
_SEE = f"SELECT writer, expires, expires - {NOW} FROM opusmap.targets WHERE id = %(target)s"  # noqa: S608
_RENEW = f"UPDATE opusmap.targets SET expires = {NOW} + %(lease)s WHERE writer = %(writer)s"  # noqa: S608
_GIVE_BACK = "UPDATE opusmap.targets SET writer = NULL, expires = NULL WHERE writer = %(writer)s"

_log = logging.getLogger("opusmap.journal")


class Leases:
    """The leases of one opened journal, `writer` by number. Use it as a context manager.

    `lock` is held while the connection is used: a heartbeat must not come into a transaction.
    """

    def __init__(
        self,
        database: Database,
        lock: threading.RLock,
        place: str,
        *,
        now: Callable[[], float | None],
        lease: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database, self._lock, self._place = database, lock, place
        self._now, self._lease, self._sleep = now, lease, sleep
        query = "UPDATE opusmap.journal SET last_writer = last_writer + 1 RETURNING last_writer"
        found = database.execute(query).fetchone()
        assert found is not None  # `check_schema` has read the row
        self.writer: int = found[0]
        self._ended = threading.Event()
        self._heart: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the heartbeats, and give all leases back; if the server is away, they run out."""
        self._ended.set()
        if self._heart is not None:
            self._heart.join()
        with self._lock, suppress(psycopg.Error):
            self._database.execute(_GIVE_BACK, {"writer": self.writer})

    def visit_left(self, visit: Callable[[int], None]) -> None:
        """Hold each target that has requests and no writer for a moment, and do something there."""
        with self._lock, self._database.transaction():
            for (target,) in self._database.execute(_TAKE_LEFT, self._values(0)).fetchall():
                visit(target)
            self._database.execute(_GIVE_BACK, {"writer": self.writer})

    def take(self, target: int, then: Callable[[], None]) -> None:
        """Take the lease of a target, and do something in the same transaction.

        If another has it, wait until it is given back or has run out. Whose heart beats meanwhile is alive.

        Raises:
            JournalError: another run that is alive has it.
        """
        seen: tuple[int, float] | None = None
        with translated(self._place):
            while not self._try(target, then):
                row = self._database.execute(_SEE, self._values(target)).fetchone()
                if row is None or row[0] is None:  # given back in this moment
                    continue
                writer, expires, remaining = row
                if seen is not None and seen[0] == writer and expires > seen[1]:
                    raise JournalError(
                        self._place,
                        "another run of this connection is using the journal",
                        "wait for it to end: one run of a connection sends at a time",
                    )
                if seen is None:
                    _log.warning(
                        "another run of this connection was using the journal, and has not ended properly, "
                        "or still runs; this run waits until that is known, at most %.0f seconds",
                        max(remaining, 0.0),
                    )
                seen = writer, expires
                self._sleep(_PAUSE)

    def _try(self, target: int, then: Callable[[], None]) -> bool:
        with self._lock, self._database.transaction():
            if self._database.execute(_TAKE, self._values(target)).fetchone() is None:
                return False
            then()
        if self._heart is None:
            self._heart = threading.Thread(target=self._beat, name="opusmap-journal-lease", daemon=True)
            self._heart.start()
        return True

    def _beat(self) -> None:
        while not self._ended.wait(self._lease / _BEATS):
            # A connection that is lost, or a lease, shows at the next write.
            with self._lock, suppress(psycopg.Error):
                self._database.execute(_RENEW, self._values(0))

    def _values(self, target: int) -> dict[str, object]:
        return {"target": target, "writer": self.writer, "lease": self._lease, "now": self._now()}
