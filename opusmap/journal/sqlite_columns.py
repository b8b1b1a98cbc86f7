"""What a journal in a file keeps of columns and of absent records: the tables, and questions about them.

A journal from before there were these gets them when it is opened to write, and keeps its version: an older
opusmap passes them over, and writes records without hashes of columns. Until then it has none.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from opusmap.journal.column_hashes import ColumnHasher

ADDED = """
ALTER TABLE accepted ADD COLUMN columns BLOB;
ALTER TABLE identity ADD COLUMN column_key BLOB;
UPDATE identity SET column_key = randomblob(16);
CREATE TABLE column_layouts (
    target INTEGER NOT NULL, number BLOB NOT NULL, names TEXT NOT NULL, PRIMARY KEY (target, number)
) WITHOUT ROWID;
CREATE TABLE gone (
    run INTEGER NOT NULL, target INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY (run, key)
) WITHOUT ROWID;
"""
"""What makes them, within a transaction."""

_T = TypeVar("_T")
_PLAIN = "SELECT key FROM accepted WHERE target = ? ORDER BY key"
_DETAILED = """
SELECT key FROM detailed WHERE target = ? AND state = 'taken' AND NOT EXISTS
    (SELECT 1 FROM accepted WHERE accepted.target = detailed.target AND accepted.key = detailed.key)
ORDER BY key
"""
_FORGET = """
DELETE FROM gone WHERE NOT EXISTS
    (SELECT 1 FROM accepted WHERE accepted.target = gone.target AND accepted.key = gone.key)
AND NOT EXISTS
    (SELECT 1 FROM detailed WHERE detailed.target = gone.target AND detailed.key = gone.key)
"""


def has_columns(database: sqlite3.Connection) -> bool:
    """Return whether the tables are there."""
    query = "SELECT 1 FROM sqlite_master WHERE name = 'column_layouts'"
    return database.execute(query).fetchone() is not None


def read_hasher(database: sqlite3.Connection, target: int) -> ColumnHasher | None:
    """Return what hashes and compares the columns of a target's records; None without the tables."""
    if not has_columns(database):
        return None
    (key,) = database.execute("SELECT column_key FROM identity").fetchone()
    query = "SELECT number, names FROM column_layouts WHERE target = ?"
    layouts = {number: tuple(json.loads(names)) for number, names in database.execute(query, (target,))}
    return ColumnHasher(key, layouts)


def write_layouts(database: sqlite3.Connection, layouts: Mapping[tuple[int, bytes], tuple[str, ...]]) -> None:
    """Write layouts of columns that may be there."""
    query = "INSERT OR IGNORE INTO column_layouts VALUES (?, ?, ?)"
    for (target, number), names in layouts.items():
        database.execute(query, (target, number, json.dumps(names)))


def compare_columns(
    database: sqlite3.Connection, target: int, records: Mapping[str, tuple[bytes, bytes]]
) -> dict[str, tuple[str, ...]]:
    """Return which columns of a target's records have changed, by rowKey; see `Journal.compare_columns`."""
    hasher, found = read_hasher(database, target), dict[str, tuple[str, ...]]()
    if hasher is None:
        return found
    for block in blocks(records):
        marks = ", ".join("?" * len(block))
        query = f"SELECT key, columns FROM accepted WHERE target = ? AND key IN ({marks})"  # noqa: S608 - marks
        for key, columns in database.execute(query, (target, *block)):
            changed = None if columns is None else hasher.compare(columns, *records[key])
            if changed is not None:
                found[key] = changed
    return found


def read_accepted_keys(database: sqlite3.Connection, target: int) -> Iterator[str]:
    """Yield the rowKeys of a target's records of which Opus accepted a version, in their order."""
    found = (database.execute(query, (target,)) for query in (_PLAIN, _DETAILED))
    yield from (key for (key,) in heapq.merge(*found))


def write_gone(database: sqlite3.Connection, run: int, keys: Iterable[str]) -> None:
    """Write which records were absent from the source of a run."""
    query = "INSERT OR IGNORE INTO gone SELECT id, target, ? FROM runs WHERE id = ?"
    database.executemany(query, [(key, run) for key in keys])


def read_gone(database: sqlite3.Connection, run: int) -> tuple[str, ...]:
    """Return what `write_gone` wrote."""
    if not has_columns(database):
        return ()
    return tuple(
        key for (key,) in database.execute("SELECT key FROM gone WHERE run = ? ORDER BY key", (run,))
    )


def forget_gone(database: sqlite3.Connection, runs: Collection[int]) -> None:
    """Forget what was absent from the source of these runs, and the records that nothing is known of now."""
    database.executemany("DELETE FROM gone WHERE run = ?", [(run,) for run in runs])
    database.execute(_FORGET)


def blocks(items: Iterable[_T], size: int = 500) -> Iterator[Sequence[_T]]:
    """Yield pieces for one statement each; by default 500 values, and older SQLite takes 999."""
    listed = list(items)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
