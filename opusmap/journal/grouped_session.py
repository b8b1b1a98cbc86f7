"""A session whose writes count in memory at once, and become durable in groups, whatever store takes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from opusmap.journal.column_hashes import ColumnHasher
from opusmap.journal.group_commit import GroupCommit
from opusmap.journal.in_flight import InFlight
from opusmap.journal.interface import Session
from opusmap.journal.models import Item, JournalRecord, Result, Run, State, Timestamp


class GroupedSession(Session):
    """A run that sends to a target (its number in the journal).

    `find` looks rowKeys up among what the store knows of the target, without what is in flight. `hasher`
    hashes the columns of the target's records; None where they are thrown away with the journal.
    """

    def __init__(
        self,
        in_flight: InFlight,
        commits: GroupCommit,
        run: Run,
        target: int,
        find: Callable[[Sequence[str]], Awaitable[dict[str, JournalRecord]]],
        hasher: ColumnHasher | None = None,
    ) -> None:
        self.run = run
        self._hasher = hasher
        self._in_flight, self._commits, self._target, self._find = in_flight, commits, target, find

    async def look_up(self, keys: Sequence[str]) -> dict[str, JournalRecord]:
        found = await self._find(keys)
        requests = self._in_flight.find(self._target)
        for key in requests.keys() & keys:
            run, item = requests[key].run, requests[key].items[key]
            found[key] = JournalRecord(run, item.row, key, item.content, State.PENDING)
        return found

    def hash_columns(self, record: bytes, content: bytes) -> bytes:
        return b"" if self._hasher is None else self._hasher.hash(record, content)

    def begin(self, items: Iterable[Item], sent: Timestamp) -> Awaitable[None]:
        return self._commits.add(self._in_flight.begin(self._target, self.run.id, items, sent))

    def finish(self, results: Iterable[Result]) -> Awaitable[None]:
        writes = self._in_flight.finish(self._target, self.run.id, results)
        if self._hasher is not None:
            new = self._hasher.take_new()
            writes.layouts.update({(self._target, number): names for number, names in new.items()})
        # A result has time: who waits for it needs it for the report alone, and an intent comes soon.
        return self._commits.add(writes, urgent=False)

    def cancel(self, keys: Iterable[str]) -> Awaitable[None]:
        return self._commits.add(self._in_flight.cancel(self._target, self.run.id, keys))
