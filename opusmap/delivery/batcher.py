"""The intake: pulls records as they are needed, leaves out what Opus holds as it is, and makes loads.

Owns what stands between the mapper's records and a request's: hashing, looking up, batching. It sends
nothing and writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from opusmap.delivery.unknown_outcomes import ResumePolicy
from opusmap.journal import Entry, JournalRecord, Moment, hash_content
from opusmap.opus.payload import BATCH_SIZE, Batch, Conflict
from opusmap.records import Record
from opusmap.wording import quote_value

__all__ = ["Intake", "Load"]

LookUp = Callable[[Sequence[str]], Mapping[str, JournalRecord]]


@dataclass(slots=True)
class Load:
    """A batch with what the journal is told and has told of its records, by rowKey.

    `stale`: a record with one of these rowKeys was under way when the journal was asked, so ask again.
    `unwritable` is why the batch's one record can't be written as JSON. `unanswered` is when a record's
    last request ended that may have been processed, and no answer said so; `intended` are those under way
    by the journal. `unreadable` is what came last in place of an answer that tells of the records;
    `clear` counts the clear answers of the run before the first such one.
    """

    batch: Batch
    entries: dict[str, Entry]
    known: Mapping[str, JournalRecord]
    stale: bool = False
    unwritable: str = ""
    unanswered: dict[str, Moment] = field(default_factory=dict)
    intended: set[str] = field(default_factory=set)
    unreadable: str = ""
    clear: int = 0


class _Item(msgspec.Struct):
    record: Record
    entry: Entry
    unwritable: str = ""
    known: JournalRecord | None = None
    stale: bool = False


class Intake:
    """A run's input. One worker at a time asks it for the next load."""

    def __init__(
        self,
        records: Iterable[Record],
        *,
        conflict: Conflict,
        resume: ResumePolicy,
        look_up: LookUp,
        is_under_way: Callable[[str], bool],
        on_unchanged: Callable[[int], None],
        is_over: Callable[[], bool] = lambda: False,
        trusted_from: int = 0,
    ) -> None:
        self._records = iter(records)
        self._conflict = conflict
        self._resume = resume
        self._look_up = look_up
        self._is_under_way = is_under_way
        self._on_unchanged = on_unchanged
        self._is_over = is_over
        self._trusted_from = trusted_from
        self._ready: list[_Item] = []
        self._chunk: list[Record] = []
        self._number = 0

    @property
    def waiting(self) -> int:
        """Records that were pulled, and are in no load yet."""
        return len(self._ready) + len(self._chunk)

    async def next(self) -> Load | None:
        """Return the next load, None at the end, or when the run is over; what is unchanged is passed over.

        Raises:
            OpusmapError: whatever the records' iterator raises.
        """
        while len(self._ready) < BATCH_SIZE and not self._is_over():
            self._chunk = []
            for record in islice(self._records, BATCH_SIZE):
                self._chunk.append(record)  # counted, should the iterator raise
            if not self._chunk:
                break
            self._sort_out()
            if not self._ready:
                await asyncio.sleep(0)  # answers are read while millions of records are passed over
        return None if self._is_over() or not self._ready else self._make_load()

    def _sort_out(self) -> None:
        """Move the chunk to what is ready, but for what is unchanged."""
        items = [self._prepare(record) for record in self._chunk]
        known = self._look_up([item.entry.key for item in items])
        waiting, unchanged = {item.entry.key for item in self._ready}, 0
        for item in items:
            key = item.entry.key
            item.known, item.stale = known.get(key), key in waiting or self._is_under_way(key)
            if not (item.stale or item.unwritable) and self._resume.is_unchanged(
                item.entry, item.known, self._trusted_from
            ):
                unchanged += 1
                continue
            self._ready.append(item)
            waiting.add(key)
        self._chunk = []
        if unchanged:
            self._on_unchanged(unchanged)

    def _prepare(self, record: Record) -> _Item:
        """Return a record with its entry, and with the reason if it can't be written."""
        try:
            record.key.encode()
            return _Item(record, Entry(record.row, record.key, hash_content(record.values, self._conflict)))
        except (UnicodeEncodeError, TypeError, RecursionError) as error:
            key = record.key.encode(errors="backslashreplace").decode()
            words = f"the record can't be written as JSON: {quote_value(str(error), 200)}"
            return _Item(record, Entry(record.row, key, b""), words)

    def _make_load(self) -> Load:
        """Take as many as fit into a request: each rowKey once, what can't be written alone."""
        items: dict[str, _Item] = {}
        for item in self._ready[:BATCH_SIZE]:
            if item.entry.key in items or (items and item.unwritable):
                break
            items[item.entry.key] = item
            if item.unwritable:
                break
        del self._ready[: len(items)]
        self._number += 1
        return Load(
            Batch(self._number, tuple(item.record for item in items.values())),
            {key: item.entry for key, item in items.items()},
            {key: item.known for key, item in items.items() if item.known is not None},
            stale=any(item.stale for item in items.values()),
            unwritable=next(iter(items.values())).unwritable,
        )
