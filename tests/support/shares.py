"""Stores that several processes write, as tests open them: with a clock that they set, and with planted bugs.

A bug is a journal of another class. Nothing here is used outside tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from opusmap.journal import Journal, Share, StagedParts
from opusmap.journal.group_commit import run_inline
from opusmap.journal.interface import Session
from opusmap.journal.postgres_journal import PostgresJournal
from opusmap.journal.postgres_lease import Leases
from opusmap.journal.postgres_schema import apply_writes
from opusmap.journal.postgres_share import PostgresShare
from opusmap.journal.write_set import WriteSet
from opusmap.settings import PostgresAddress

LEASE = 30.0
ORIGIN, CONNECTION = "https://o", "c"
_T = TypeVar("_T")


@dataclass
class Machines:
    """The world of some processes: the database's clock, and how far the clock of each machine is ahead."""

    address: str
    journal: type[PostgresJournal] = PostgresJournal
    now: float = 1_000.0
    opened: list[Journal] = field(default_factory=list)

    def open(self, ahead: float = 0.0) -> Journal:
        """Open the journal as a process of a machine whose clock is wrong by so much."""
        journal = self.journal(
            PostgresAddress(self.address),
            clock=lambda: self.now + ahead,
            ticks=lambda: self.now + ahead,
            database_clock=lambda: self.now,
            lease=LEASE,
            sync_executor=run_inline,
        )
        self.opened.append(journal)
        return journal

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


def join(
    journal: Journal, parts: int, *, content: str = "s", records: int = 90
) -> Coroutine[Any, Any, Share]:
    """Join or begin the run of a staged run."""
    counts = {"read": records, "mapped": records, "filtered": 0, "rejected": 0}
    staged = StagedParts(content, parts, counts)
    return journal.share_run(origin=ORIGIN, connection=CONNECTION, mapping="m", staged=staged)


class _Unfenced(PostgresJournal):
    """Writes, and takes what it sent for its own, even if another process has its lease."""

    def write_rows(self, target: int, writes: WriteSet) -> tuple[float | None, float | None] | None:
        written = super().write_rows(target, writes)
        if written is None:  # as if it had a lease: under another number, for a moment
            self._database.execute(
                "UPDATE opusmap.leases SET expires = 9e9 WHERE writer = %s", (self.leases.writer,)
            )
            written = apply_writes(
                self._database, target, self.leases.writer, writes, ticks=self._ticks(), now=self._now()
            )
            self._database.execute(
                "UPDATE opusmap.leases SET expires = NULL WHERE writer = %s", (self.leases.writer,)
            )
        return written


class _EternalLeases(Leases):
    """Never ends the lease of a process that is gone."""

    def _values(self, target: int, run: int | None = None) -> dict[str, object]:
        return {**super()._values(target, run), "lease": 1e9}


class _Eternal(PostgresJournal):
    leases_type = _EternalLeases


class _SharesParts(PostgresShare):
    """Takes the first part that is not done, even if another process has it."""

    take_statement = """UPDATE opusmap.parts SET writer = %(writer)s WHERE run = %(run)s AND part = (
        SELECT min(part) FROM opusmap.parts WHERE run = %(run)s AND NOT done) RETURNING part"""


class _LeasesTwice(PostgresJournal):
    share_type = _SharesParts


class _SilentLeases(Leases):
    """Keeps to itself that Opus asked to wait."""

    def hold(self, target: int, seconds: float) -> None:
        pass


class _Silent(PostgresJournal):
    leases_type = _SilentLeases


class _DeafLeases(Leases):
    """Renews its lease, and sends on whether it still has one or not."""

    @property
    def is_fresh(self) -> bool:
        return True


class _SendsLate(PostgresJournal):
    leases_type = _DeafLeases


SHARE_BUGS: dict[str, type[PostgresJournal]] = {
    "has no fencing token": _Unfenced,
    "never lets a lease expire": _Eternal,
    "leases a part twice": _LeasesTwice,
    "does not share a hold": _Silent,
    "sends without a look at its lease": _SendsLate,
}


def in_session(
    journal: Journal, share: Share, step: Callable[[Session], Awaitable[_T]]
) -> Coroutine[Any, Any, _T]:
    """Do something in a session of the run."""

    async def main() -> _T:
        async with journal.session(share.run) as session:
            return await step(session)

    return main()
