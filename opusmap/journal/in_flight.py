"""What is under way: the requests whose records are not settled, in memory and as rows of `flights`.

Owns the encoding of those rows and which record is in which request. A row a request makes an intent
one insert, however many records it holds; what is known of the records stays as it is meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from opusmap.journal.models import Item, Timestamp

__all__ = ["REQUEST_COLUMNS", "InFlight", "Request", "Rows"]

REQUEST_COLUMNS = "id, target, run, sent, ticks, entries"

Rows: TypeAlias = "dict[int, tuple[Any, ...] | None]"
"""Rows of the table `flights` by id, as they are to be; None: the request is over."""


@dataclass(slots=True)
class Request:
    """One request under way: what of it is not settled yet, by rowKey."""

    id: int
    target: int
    run: int
    sent: Timestamp
    entries: dict[str, Item]

    def row(self) -> tuple[Any, ...] | None:
        """Return the request's row, None when all of it is settled."""
        if not self.entries:
            return None
        entries = msgspec.msgpack.encode([*self.entries.values()])
        return self.id, self.target, self.run, self.sent.wall, self.sent.ticks, entries

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> Request:
        """Return the request of a row.

        Raises:
            ValueError: its records can't be read.
        """
        number, target, run, wall, ticks, entries = row
        read = msgspec.msgpack.decode(entries, type=list[Item])
        return cls(number, target, run, Timestamp(wall, ticks), {entry.key: entry for entry in read})


class InFlight:
    """The requests under way, by target and rowKey. A record is in one of them at most."""

    def __init__(self) -> None:
        self._flying: dict[int, dict[str, Request]] = {}
        self._departed = 0
        self._free: list[int] = []  # ids of requests that are over

    def under_way(self, target: int) -> dict[str, Request]:
        """Return the request that each record is in, by rowKey."""
        return self._flying.setdefault(target, {})

    def depart(self, target: int, run: int, entries: Iterable[Item], sent: Timestamp) -> Rows:
        """Put records into a request; records that are under way as they are, are sent once more."""
        wanted = {entry.key: entry for entry in entries}
        if not wanted:
            return {}
        flying = self.under_way(target)
        flight = flying.get(next(iter(wanted)))
        if flight is not None and flight.run == run and flight.entries == wanted:
            flight.sent = sent
            return {flight.id: flight.row()}
        left = self.leave(target, wanted)
        flight = Request(self._take_id(), target, run, sent, wanted)
        flying.update(dict.fromkeys(wanted, flight))
        return {**left, flight.id: flight.row()}

    def leave(self, target: int, keys: Iterable[str]) -> Rows:
        """Take records out of their requests."""
        flying, touched = self.under_way(target), dict[int, Request]()
        for key in keys:
            if flight := flying.pop(key, None):
                del flight.entries[key]
                touched[flight.id] = flight
        self._free += [number for number, flight in touched.items() if not flight.entries]
        return {number: flight.row() for number, flight in touched.items()}

    def _take_id(self) -> int:
        """Return the id of a request that is over, so that one statement puts the new row in its place."""
        if self._free:
            return self._free.pop()
        self._departed += 1
        return self._departed

    def clear(self) -> None:
        """Forget all that is under way."""
        self._flying.clear()
