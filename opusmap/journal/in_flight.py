"""What is in flight: the requests whose records have no result yet, in memory and as rows of `requests`.

It says what the journal writes when a request begins, gets its results, is cancelled, or was left by a killed
run. A row a request makes an intent one insert, however many records it holds; what is known of the records
stays as it is meanwhile. Nothing here touches a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from opusmap.journal.models import Item, JournalRecord, Result, State, Timestamp
from opusmap.journal.write_set import RequestRows, WriteSet


@dataclass(slots=True)
class Request:
    """One request in flight: those of its items that have no result yet, by rowKey."""

    id: int
    target: int
    run: int
    sent: Timestamp
    items: dict[str, Item]

    def row(self) -> tuple[Any, ...] | None:
        """Return the request's row, None when all of it has its result."""
        if not self.items:
            return None
        items = msgspec.msgpack.encode([(item.row, item.key, item.content) for item in self.items.values()])
        return self.id, self.target, self.run, self.sent.wall, self.sent.ticks, items

    def pending(self, sent: Timestamp | None = None) -> list[JournalRecord]:
        """Return its records as the journal knows them: pending."""
        return [
            JournalRecord(self.run, item.row, item.key, item.content, State.PENDING, "", sent)
            for item in self.items.values()
        ]

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> Request:
        """Return the request of a row.

        Raises:
            ValueError: its items can't be read.
        """
        number, target, run, wall, ticks, items = row
        read = msgspec.msgpack.decode(items, type=list[Item])
        return cls(number, target, run, Timestamp(wall, ticks), {item.key: item for item in read})


class InFlight:
    """The requests in flight, by target (its number in the journal) and rowKey; a record is in one at most.

    Each call counts at once, and returns what is to be written, in the order of the calls. A subclass may
    write something else. `any_detailed`: the journal may hold detailed records, so
    that one must be removed when its record is accepted.
    """

    def __init__(self) -> None:
        self.any_detailed = True
        self._requests: dict[int, dict[str, Request]] = {}
        self._used = 0
        self._free: list[int] = []  # ids of requests that are over

    def find(self, target: int) -> Mapping[str, Request]:
        """Return the request that each record of a target is in, by rowKey."""
        return self._of(target)

    def begin(self, target: int, run: int, items: Iterable[Item], sent: Timestamp) -> WriteSet:
        """Put records into a request; records that are already in flight unchanged are sent again."""
        wanted = {item.key: item for item in items}
        if not wanted:
            return WriteSet()
        requests = self._of(target)
        request = requests.get(next(iter(wanted)))
        if request is not None and request.run == run and request.items == wanted:
            request.sent = sent
            return WriteSet({request.id: request.row()})
        rows = self._remove(target, wanted)
        request = Request(self._take_id(), target, run, sent, wanted)
        requests.update(dict.fromkeys(wanted, request))
        return WriteSet({**rows, request.id: request.row()})

    def finish(self, target: int, run: int, results: Iterable[Result]) -> WriteSet:
        """Take records out of their requests, with their results.

        Raises:
            ValueError: one of them is not in flight in this run; nothing has changed.
        """
        by_key, writes = list(results), WriteSet()
        keys = [result.key for result in by_key]
        accepted = State.ACCEPTED  # once: in Python 3.11 it takes long to find an enum's member
        for item, result in zip(self._items(target, run, keys), by_key, strict=True):
            key = item.key
            if result.state is accepted:
                row = target, run, item.row, key, item.content, item.columns or None
                writes.accepted[target, key] = row
            if result.state is not accepted or result.unanswered is not None:
                writes.detail(target, run, item, result)
            elif self.any_detailed:
                writes.detailed[target, key] = None
        writes.requests.update(self._remove(target, keys))
        self.any_detailed = self.any_detailed or bool(writes.detailed)
        return writes

    def cancel(self, target: int, run: int, keys: Iterable[str]) -> WriteSet:
        """Take records out of their requests, as if those had never begun.

        Raises:
            ValueError: one of them is not in flight in this run; nothing has changed.
        """
        cancelled = list(keys)
        self._items(target, run, cancelled)
        return WriteSet(self._remove(target, cancelled))

    def recover(self, killed: Iterable[Request], now: Timestamp) -> WriteSet:
        """Make pending what a killed run had in flight.

        The requests count as sent just now: an intent is written before its request leaves, and it is
        not known how long before. They left at the latest when the run was killed.
        """
        writes = WriteSet()
        for request in killed:
            writes.requests[request.id] = None
            for item in request.items.values():
                pending = Result(item.key, State.PENDING, "", now)
                writes.detail(request.target, request.run, item, pending)
        return writes

    def _of(self, target: int) -> dict[str, Request]:
        return self._requests.setdefault(target, {})

    def _items(self, target: int, run: int, keys: Sequence[str]) -> list[Item]:
        requests = self._of(target)
        items = [request.items[key] for key in keys if (request := requests.get(key)) and request.run == run]
        if len(items) < len(keys) or len(set(keys)) < len(keys):
            raise ValueError(f"run {run} ends a record that is not in flight")
        return items

    def _remove(self, target: int, keys: Iterable[str]) -> RequestRows:
        requests, touched = self._of(target), dict[int, Request]()
        for key in keys:
            if request := requests.pop(key, None):
                del request.items[key]
                touched[request.id] = request
        self._free += [number for number, request in touched.items() if not request.items]
        return {number: request.row() for number, request in touched.items()}

    def _take_id(self) -> int:
        """Return the id of a request that is over, so that one statement puts the new row in its place."""
        if self._free:
            return self._free.pop()
        self._used += 1
        return self._used
