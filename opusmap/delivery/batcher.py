"""The batcher: takes records as they are needed, leaves out what Opus holds as it is, and makes batches.

Owns the steps between the mapper's records and a request's: hashing, looking up, grouping, and the order of
the versions of a rowKey. It sends nothing and writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from opusmap.delivery.retry_policy import ResumePolicy
from opusmap.journal import Item, JournalRecord, Timestamp, hash_content
from opusmap.opus.exchange import BATCH_SIZE, Conflict, EncodedRecord

HashColumns: TypeAlias = Callable[[bytes, bytes], bytes]
LookUp: TypeAlias = Callable[[Sequence[str]], Awaitable[Mapping[str, JournalRecord]]]


class BatchState(msgspec.Struct):
    """What is known of a batch's records, by rowKey; its parts share it.

    Attributes:
        items: the records as the journal notes them.
        known: what the journal knows of their rowKeys.
        stale: whether a record with one of these was in flight when the journal was asked, so ask again.
        unanswered: when a record's last request ended that may have been processed, and no answer said so.
        pending: those in flight by the journal.
        unreadable: the last response that did not say what happened to the records.
        clear: the clear answers of the run before the first such one.
    """

    items: dict[str, Item] = msgspec.field(default_factory=dict)
    known: Mapping[str, JournalRecord] = msgspec.field(default_factory=dict)
    stale: bool = False
    unanswered: dict[str, Timestamp] = msgspec.field(default_factory=dict)
    pending: set[str] = msgspec.field(default_factory=set)
    unreadable: str = ""
    clear: int = 0


class Batch(msgspec.Struct, frozen=True):
    """Records for one request. `number` counts the run's batches from 1; a batch's parts keep it."""

    number: int
    records: tuple[EncodedRecord, ...]
    state: BatchState = msgspec.field(default_factory=BatchState)

    @property
    def keys(self) -> tuple[str, ...]:
        """The rowKeys in the records' order, each once."""
        return tuple([record.key for record in self.records])

    def split(self, parts: int = 2) -> tuple[Batch, ...]:
        """Return the batch in `parts` of nearly one size, in order, the larger ones first."""
        size, larger = divmod(len(self.records), parts)
        ends = [size * (part + 1) + min(part + 1, larger) for part in range(parts)]
        return tuple(
            replace(self, records=self.records[start:end])
            for start, end in zip([0, *ends], ends, strict=False)
        )


class _Waiting(msgspec.Struct, gc=False):
    """A record that is in no batch yet, with what the journal knows of its rowKey."""

    record: EncodedRecord
    item: Item
    known: JournalRecord | None
    stale: bool


class Batcher:
    """A run's input. One at a time asks it for the next batch, until it has `ended`.

    Args:
        records: the records, in order.
        conflict: the option that they are sent with.
        resume: decides what is sent at all.
        look_up: returns what the journal knows of rowKeys.
        is_taken: tells whether a record with a rowKey is in flight, or waits for that.
        trusted_from: see `ResumePolicy.is_unchanged`.
        run: the number of a run that several processes send; None if this one is alone.
        hash_columns: see `Session.hash_columns`.
    """

    def __init__(
        self,
        records: AsyncIterable[EncodedRecord],
        *,
        conflict: Conflict,
        resume: ResumePolicy,
        look_up: LookUp,
        is_taken: Callable[[str], bool],
        trusted_from: int = 0,
        run: int | None = None,
        hash_columns: HashColumns = lambda _record, _content: b"",
    ) -> None:
        self._hash_columns = hash_columns
        self._items = aiter(records)
        self._conflict = conflict
        self._resume = resume
        self._look_up = look_up
        self._is_taken = is_taken
        self._trusted_from = trusted_from
        self._run = run
        self._ready: list[_Waiting] = []
        self._taken: list[EncodedRecord] = []
        self._unchanged: list[EncodedRecord] = []
        self._accepted: list[EncodedRecord] = []
        self._number = 0
        self.ended = False

    def waiting(self) -> list[EncodedRecord]:
        """Return the records that were taken, and are in no batch yet."""
        return [one.record for one in self._ready] + self._taken

    def take_unchanged(self) -> list[EncodedRecord]:
        """Return what was passed over since it was asked for last, because an earlier run sent it."""
        unchanged, self._unchanged = self._unchanged, []
        return unchanged

    def take_accepted(self) -> list[EncodedRecord]:
        """Return what was passed over since it was asked for last, because this run has sent it before."""
        accepted, self._accepted = self._accepted, []
        return accepted

    async def next(self) -> Batch | None:
        """Return the next batch; None where much is unchanged and should be counted first, and at the end.

        Raises:
            OpusmapError: whatever the records' iterator raises.
        """
        while len(self._ready) < BATCH_SIZE:
            if len(self._unchanged) + len(self._accepted) >= _UNCHANGED:
                return None
            await self._take()
            if not self._taken:
                break
            await self._sort_out()
            if not self._ready:
                await asyncio.sleep(0)  # answers are read while millions of records are passed over
        self.ended = not self._ready
        return self._make_batch() if self._ready else None

    async def _take(self) -> None:
        """Take a batch's worth of records; what was taken is kept, should the iterator raise."""
        async for record in self._items:
            self._taken.append(record)
            if len(self._taken) == BATCH_SIZE:
                return

    async def _sort_out(self) -> None:
        """Move what was taken to what is ready, or unchanged."""
        keys = [record.key for record in self._taken]
        # Before the journal is asked: what comes to its end meanwhile is known as it was.
        taken = [self._is_taken(key) for key in keys]
        found = await self._look_up(keys)
        waiting = {one.record.key for one in self._ready}
        for record, busy in zip(self._taken, taken, strict=True):
            row, key, content = record.row, record.key, hash_content(record.json, self._conflict)
            known, stale = found.get(key), busy or key in waiting
            if not stale and self._resume.is_unchanged(Item(row, key, content), known, self._trusted_from):
                own = known is not None and known.run == self._run
                (self._accepted if own else self._unchanged).append(record)
                continue
            item = Item(row, key, content, self._hash_columns(record.json, content))
            self._ready.append(_Waiting(record, item, known, stale))
            waiting.add(key)
        self._taken = []

    def _make_batch(self) -> Batch:
        """Take as many as fit into a request: each rowKey once."""
        records: list[EncodedRecord] = []
        items: dict[str, Item] = {}
        known: dict[str, JournalRecord] = {}
        stale = False
        for one in self._ready[:BATCH_SIZE]:
            key = one.record.key
            if key in items:
                break
            records.append(one.record)
            items[key] = one.item
            if one.known is not None:
                known[key] = one.known
            stale = stale or one.stale
        del self._ready[: len(records)]
        self._number += 1
        return Batch(self._number, tuple(records), BatchState(items, known, stale))


_UNCHANGED = 4 * BATCH_SIZE
"""Unchanged records that are counted at a time, at most."""


class KeyLocks:
    """Who holds which rowKey. Locks are granted in the order of the calls of `take`."""

    def __init__(self) -> None:
        self._latest: dict[str, KeyLock] = {}  # rowKey -> the latest lock that was asked for

    def is_taken(self, key: str) -> bool:
        """Return whether this rowKey is held, or waited for."""
        return key in self._latest

    def take(self, keys: Collection[str]) -> KeyLock:
        """Ask for these rowKeys; who awaits the lock holds them, once all who asked before are done.

        Each waits only for those before it, so none waits for ever.
        """
        earlier = [self._latest[key] for key in keys if key in self._latest]
        lock = KeyLock(self._latest, keys, earlier)
        self._latest.update(dict.fromkeys(keys, lock))
        return lock


class KeyLock:
    """Some rowKeys, held by one who sends their records."""

    def __init__(self, latest: dict[str, KeyLock], keys: Collection[str], earlier: list[KeyLock]) -> None:
        self._latest = latest
        self._keys = keys
        self._earlier = earlier
        self._over = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Return when all who asked before for one of these rowKeys are done."""
        for lock in self._earlier:
            await asyncio.shield(lock._over)  # noqa: SLF001 - of one class
        self._earlier.clear()

    def end(self) -> None:
        """Let the next have the rowKeys."""
        self._over.set_result(None)
        for key in self._keys:
            if self._latest.get(key) is self:
                del self._latest[key]
