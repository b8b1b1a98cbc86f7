"""Write sets: what is to become of the journal's rows, planned in memory and written by few statements.

A write set names each row's new values, or None where the row is removed. What several of them leave of a row
is what the last of them says, so they are written as one, by few statements: each statement has its price,
however few rows it takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, TypeAlias

from opusmap.journal.models import Item, Result
from opusmap.journal.sqlite_schema import ACCEPTED_COLUMNS, DETAILED_COLUMNS, REQUEST_COLUMNS

RequestRows: TypeAlias = "dict[int, tuple[Any, ...] | None]"
"""Rows of the table `requests` by id, as they are to be; None: the request is over."""

_Place: TypeAlias = "tuple[int, str]"  # a target's number and a rowKey

_REQUESTS = f"requests ({REQUEST_COLUMNS})"
_ACCEPTED = f"accepted (target, {ACCEPTED_COLUMNS})"
_DETAILED = f"detailed (target, {DETAILED_COLUMNS})"

_ROWS = 90
"""Rows of one statement at most: nine values each stay below the 999 of older SQLite."""


@dataclass(frozen=True, slots=True)
class WriteSet:
    """New rows of `requests` (by id), `accepted` and `detailed` (by target and key); None removes a row."""

    requests: RequestRows = field(default_factory=dict)
    accepted: dict[_Place, tuple[Any, ...]] = field(default_factory=dict)
    detailed: dict[_Place, tuple[Any, ...] | None] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many rows are written or removed."""
        return len(self.requests) + len(self.accepted) + len(self.detailed)

    def accept(self, target: int, run: int, item: Item) -> None:
        """Say that Opus accepted a record, and nothing besides."""
        self.accepted[target, item.key] = target, run, item.row, item.key, item.content

    def detail(self, target: int, run: int, item: Item, result: Result) -> None:
        """Say more of a record: this counts, whatever stands in `accepted`."""
        sent = result.unanswered
        times = (None, None) if sent is None else (sent.wall, sent.ticks)
        facts = target, run, item.row, item.key, item.content
        self.detailed[target, item.key] = *facts, result.state.value, result.reason, *times


def merge_writes(sets: Iterable[WriteSet]) -> WriteSet:
    """Return what write sets come to that are written one after the other."""
    merged = WriteSet()
    for writes in sets:
        merged.requests.update(writes.requests)
        merged.accepted.update(writes.accepted)
        merged.detailed.update(writes.detailed)
    return merged


def apply_writes(database: sqlite3.Connection, writes: WriteSet) -> None:
    """Write a write set, within the caller's transaction."""
    _put(database, _REQUESTS, [row for row in writes.requests.values() if row is not None])
    over = [number for number, row in writes.requests.items() if row is None]
    for block in _blocks(over):
        database.execute(f"DELETE FROM requests WHERE id IN ({_marks(len(block))})", block)  # noqa: S608 - marks
    _put(database, _ACCEPTED, [*writes.accepted.values()])
    _put(database, _DETAILED, [row for row in writes.detailed.values() if row is not None])
    forgotten: dict[int, list[str]] = {}
    for (target, key), row in writes.detailed.items():
        if row is None:
            forgotten.setdefault(target, []).append(key)
    for target, keys in forgotten.items():
        for block in _blocks(keys):
            query = f"DELETE FROM detailed WHERE target = ? AND key IN ({_marks(len(block))})"  # noqa: S608 - marks
            database.execute(query, (target, *block))


@cache
def look_up_records(count: int) -> tuple[str, str]:
    """Return the statements that look for so many rowKeys of a target in `accepted` and in `detailed`."""
    where = f"WHERE target = ? AND key IN ({_marks(count)})"
    accepted = f"SELECT {ACCEPTED_COLUMNS} FROM accepted {where}"  # noqa: S608 - marks
    return accepted, f"SELECT {DETAILED_COLUMNS} FROM detailed {where}"  # noqa: S608 - marks


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
