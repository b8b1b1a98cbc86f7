"""A session that writes under a lease, which another process may end; it learns of holds by each write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from opusmap.errors import JournalError
from opusmap.journal.column_hashes import ColumnHasher
from opusmap.journal.group_commit import GroupCommit
from opusmap.journal.grouped_session import GroupedSession
from opusmap.journal.in_flight import InFlight
from opusmap.journal.models import JournalRecord, Run
from opusmap.journal.write_set import WriteSet, merge_writes

if TYPE_CHECKING:
    from opusmap.journal.postgres_journal import PostgresJournal


class LeasedSession(GroupedSession):
    """A run's session in `journal`; see `GroupedSession`."""

    def __init__(
        self,
        journal: PostgresJournal,
        in_flight: InFlight,
        commits: GroupCommit,
        run: Run,
        target: int,
        find: Callable[[Sequence[str]], Awaitable[dict[str, JournalRecord]]],
        hasher: ColumnHasher | None = None,
    ) -> None:
        super().__init__(in_flight, commits, run, target, find, hasher)
        self._journal, self._target_held = journal, target
        self._telling = set[asyncio.Future[None]]()

    async def may_send(self) -> float:
        await self._journal.stay_writer()
        return self._journal.leases.take_hold(self._target_held)

    def hold(self, seconds: float) -> None:
        telling = asyncio.ensure_future(self._tell(seconds))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def end(self) -> None:
        """Wait until everything that other processes must know is written."""
        await asyncio.gather(*self._telling)

    async def _tell(self, seconds: float) -> None:
        def tell() -> None:
            with self._journal.translated():
                self._journal.leases.hold(self._target_held, seconds)

        with suppress(JournalError):  # a database that is away shows at the next write
            await self._journal.in_thread(tell)


class TargetWriter:
    """Writes a session's groups: one statement each, whose end is the server's word that it is durable."""

    has_long_log = True
    """A network may be slow at any time, so the event loop never waits for it itself."""

    def __init__(self, journal: PostgresJournal, target: int) -> None:
        self._journal, self._target = journal, target
        self._staged = WriteSet()

    def write(self, sets: Iterable[WriteSet]) -> None:
        """Stage them: the next sync writes them."""
        self._staged = merge_writes(sets)

    def sync(self) -> None:
        """Write what is staged, durably."""
        self._journal.apply(self._target, self._staged)
