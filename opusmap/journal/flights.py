"""What is under way: the requests whose records are not settled, in memory and as rows of `flights`.

Owns the encoding of those rows and which record is in which request. A row a request makes an intent
one insert, however many records it holds; what is known of the records stays as it is meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from opusmap.journal.entries import Entry, Moment

__all__ = ["LAND", "Flight", "Flights", "Statements", "decode_entries"]

Statements: TypeAlias = "tuple[tuple[str, Sequence[tuple[Any, ...]]], ...]"
"""Statements of SQL, each with its rows of parameters."""

LAND = "DELETE FROM flights WHERE id = ?"
_DEPART = "INSERT INTO flights (id, target, run, sent, ticks, entries) VALUES (?, ?, ?, ?, ?, ?)"
_DEPART_AGAIN = "UPDATE flights SET sent = ?, ticks = ? WHERE id = ?"
_LEAVE = "UPDATE flights SET entries = ? WHERE id = ?"


@dataclass(slots=True)
class Flight:
    """One request under way: what of it is not settled yet, by rowKey."""

    id: int
    run: int
    entries: dict[str, Entry] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the entries as they stand in the row."""
        return msgspec.msgpack.encode([(each.row, each.key, each.content) for each in self.entries.values()])


class Flights:
    """The requests under way, by target and rowKey. A record is in one of them at most."""

    def __init__(self) -> None:
        self._flying: dict[tuple[int, str], Flight] = {}
        self._departed = 0

    def find(self, target: int, key: str) -> Flight | None:
        """Return the request that a record is in."""
        return self._flying.get((target, key))

    def depart(self, target: int, run: int, entries: Iterable[Entry], sent: Moment) -> Statements:
        """Put records into a request; records that are under way as they are, are sent once more."""
        wanted = {entry.key: entry for entry in entries}
        if not wanted:
            return ()
        flight = self.find(target, next(iter(wanted)))
        if flight is not None and flight.run == run and flight.entries == wanted:
            return ((_DEPART_AGAIN, [(sent.wall, sent.ticks, flight.id)]),)
        left = self.leave(target, wanted)
        self._departed += 1
        flight = Flight(self._departed, run, wanted)
        self._flying.update(((target, key), flight) for key in wanted)
        return (*left, (_DEPART, [(flight.id, target, run, sent.wall, sent.ticks, flight.encode())]))

    def leave(self, target: int, keys: Iterable[str]) -> Statements:
        """Take records out of their requests."""
        touched: dict[int, Flight] = {}
        for key in keys:
            if flight := self._flying.pop((target, key), None):
                del flight.entries[key]
                touched[flight.id] = flight
        return (
            (LAND, [(flight.id,) for flight in touched.values() if not flight.entries]),
            (_LEAVE, [(flight.encode(), flight.id) for flight in touched.values() if flight.entries]),
        )

    def clear(self) -> None:
        """Forget all that is under way."""
        self._flying.clear()


def decode_entries(entries: bytes) -> list[tuple[int, str, bytes]]:
    """Return row, rowKey and content of each record of a request's row."""
    return msgspec.msgpack.decode(entries, type=list[tuple[int, str, bytes]])
