"""Changes: what is to become of the journal's rows, planned in memory and written by few statements.

Owns the statements that write records and requests, and those that look records up. A change names each
row's new values, or None where the row goes; what several changes leave of a row is what the last of them
says, so they are written as one, by few statements: each of them has its price, however few rows it takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, TypeAlias

from opusmap.journal.in_flight import REQUEST_COLUMNS
from opusmap.journal.models import DETAILED_COLUMNS, Item, Result

__all__ = ["Place", "WriteSet", "apply_writes", "look_up_records", "merge_writes"]

Place: TypeAlias = "tuple[int, str]"
"""Where a record is known: its target's number and its rowKey."""

_FLIGHTS = f"flights ({REQUEST_COLUMNS})"
_TAKEN = "taken (target, key, content, run, row)"
_NOTED = "noted (target, key, content, run, row, state, reason, sent, ticks)"

_ROWS = 90
"""Rows of one statement at most: nine values each stay below the 999 of older SQLite."""


@dataclass(frozen=True, slots=True)
class WriteSet:
    """New rows of the tables `flights` (by id), `taken` and `noted` (by place); None takes a row away."""

    flights: dict[int, tuple[Any, ...] | None] = field(default_factory=dict)
    taken: dict[Place, tuple[Any, ...]] = field(default_factory=dict)
    noted: dict[Place, tuple[Any, ...] | None] = field(default_factory=dict)

    def take(self, target: int, run: int, entry: Item) -> None:
        """Say that Opus took a record, and nothing besides."""
        self.taken[target, entry.key] = target, entry.key, entry.content, run, entry.row

    def note(self, target: int, run: int, entry: Item, settled: Result) -> None:
        """Say more of a record: this counts, whatever stands in `taken`."""
        moment = settled.unanswered
        times = (None, None) if moment is None else (moment.wall, moment.ticks)
        facts = target, entry.key, entry.content, run, entry.row
        self.noted[target, entry.key] = *facts, settled.state.value, settled.reason, *times


def merge_writes(changes: Iterable[WriteSet]) -> WriteSet:
    """Return what changes come to that are made one after the other."""
    merged = WriteSet()
    for change in changes:
        merged.flights.update(change.flights)
        merged.taken.update(change.taken)
        merged.noted.update(change.noted)
    return merged


def apply_writes(database: sqlite3.Connection, change: WriteSet) -> None:
    """Write a change, within the caller's transaction."""
    _put(database, _FLIGHTS, [row for row in change.flights.values() if row is not None])
    gone = [number for number, row in change.flights.items() if row is None]
    for block in _blocks(gone):
        database.execute(f"DELETE FROM flights WHERE id IN ({_marks(len(block))})", block)  # noqa: S608 - marks
    _put(database, _TAKEN, [*change.taken.values()])
    _put(database, _NOTED, [row for row in change.noted.values() if row is not None])
    forgotten: dict[int, list[str]] = {}
    for (target, key), row in change.noted.items():
        if row is None:
            forgotten.setdefault(target, []).append(key)
    for target, keys in forgotten.items():
        for block in _blocks(keys):
            query = f"DELETE FROM noted WHERE target = ? AND key IN ({_marks(len(block))})"  # noqa: S608 - marks
            database.execute(query, (target, *block))


@cache
def look_up_records(count: int) -> tuple[str, str]:
    """Return the statements that look for so many rowKeys of a target in `taken` and in `noted`."""
    where = f"WHERE target = ? AND key IN ({_marks(count)})"
    taken = f"SELECT run, row, key, content FROM taken {where}"  # noqa: S608 - marks
    return taken, f"SELECT {DETAILED_COLUMNS} FROM noted {where}"  # noqa: S608 - marks


def _put(database: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    for block in _blocks(rows):
        database.execute(_put_rows(table, len(block)), [*chain.from_iterable(block)])


@cache
def _put_rows(table: str, count: int) -> str:
    row = f"({_marks(table.count(',') + 1)})"
    rows = ", ".join([row] * count)
    return f"INSERT OR REPLACE INTO {table} VALUES {rows}"  # noqa: S608 - constants and marks


@cache
def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _blocks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]
