"""The journal's tables, the one step from the version before, and the statements that write rows.

`accepted` is all that millions of records need: what Opus holds. `detailed` is what there is more to say of,
and wins over `accepted`: an accepted record is in both if one of its requests had no answer.
`requests` is what is in flight, a row a request: one insert is a durable intent.
`destructions` are what Opus was asked to mark as destroyed. `accepted.columns` has hashes of a record's
columns, which `column_layouts` names, and `gone` the first records that were absent from a run's source
(`sqlite_columns`).
`evidence` is the report data of a run other than its counts: compressed JSON without values of rows.
`identity` tells the journal from another one. `targets.trusted_from` is the first run whose records of a
target may count as unchanged; `older_hash`: an older version hashed those before, and no run is done since.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

from opusmap.errors import JournalError
from opusmap.journal.sqlite_columns import ADDED, blocks, has_columns, write_layouts
from opusmap.journal.write_set import WriteSet

ACCEPTED_COLUMNS = "run, row, key, content"
DETAILED_COLUMNS = "run, row, key, content, state, reason, sent, ticks"
REQUEST_COLUMNS = "id, target, run, sent, ticks, items"

VERSION = 5
"""`user_version` of a journal."""

WITH_DESTRUCTIONS = 6
"""`user_version` of one that knows of destructions: an opusmap that would submit their records refuses it."""

_BEFORE = 4
"""The version that is upgraded."""

_APPLICATION_ID = 0x4F707573  # "Opus"

_TABLES = """
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES (lower(hex(randomblob(16))));
CREATE TABLE targets (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, connection TEXT NOT NULL,
    trusted_from INTEGER NOT NULL DEFAULT 0, older_hash INTEGER NOT NULL DEFAULT 0,
    UNIQUE (origin, connection)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL REFERENCES targets, mapping TEXT NOT NULL,
    started REAL NOT NULL, finished REAL, ending TEXT NOT NULL DEFAULT '', counts TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE evidence (run INTEGER PRIMARY KEY REFERENCES runs, content BLOB NOT NULL);
CREATE TABLE accepted (
    target INTEGER NOT NULL, key TEXT NOT NULL, content BLOB NOT NULL, run INTEGER NOT NULL,
    row INTEGER NOT NULL, PRIMARY KEY (target, key)
) WITHOUT ROWID;
CREATE TABLE detailed (
    target INTEGER NOT NULL, key TEXT NOT NULL, content BLOB NOT NULL, run INTEGER NOT NULL,
    row INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, sent REAL, ticks REAL,
    PRIMARY KEY (target, key)
) WITHOUT ROWID;
CREATE TABLE requests (
    id INTEGER PRIMARY KEY, target INTEGER NOT NULL, run INTEGER NOT NULL, sent REAL NOT NULL,
    ticks REAL NOT NULL, items BLOB NOT NULL
);
"""

_DESTRUCTIONS = """
CREATE TABLE IF NOT EXISTS destructions (
    target INTEGER NOT NULL, key TEXT NOT NULL, plan TEXT NOT NULL, content BLOB NOT NULL,
    state TEXT NOT NULL, at REAL NOT NULL, by TEXT NOT NULL, answer TEXT NOT NULL, lifted TEXT NOT NULL,
    PRIMARY KEY (target, key, plan)
) WITHOUT ROWID;
"""

# Content hashes were taken of other bytes, so accepted records are known as such and count as changed.
_UPGRADE = """
ALTER TABLE taken RENAME TO accepted;
ALTER TABLE noted RENAME TO detailed;
ALTER TABLE flights RENAME TO requests;
ALTER TABLE requests RENAME COLUMN entries TO items;
ALTER TABLE targets ADD COLUMN older_hash INTEGER NOT NULL DEFAULT 0;
UPDATE targets SET trusted_from = (SELECT 1 + coalesce(max(id), 0) FROM runs),
    older_hash = EXISTS (SELECT 1 FROM accepted WHERE target = targets.id)
        OR EXISTS (SELECT 1 FROM detailed WHERE target = targets.id AND state = 'taken');
"""


def check_kind(database: sqlite3.Connection, path: str, *, write: bool) -> None:
    """Refuse a file that is not a journal, or one of a version that can't be used.

    Raises:
        JournalError: with the way out.
    """
    kind, version = _pragma(database, "application_id"), _pragma(database, "user_version")
    empty = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if write and empty and (kind, version) == (0, 0):
        return
    if kind != _APPLICATION_ID:
        problem = "the file is not a journal of opusmap"
        raise JournalError(path, problem, "name another file in OPUSMAP_JOURNAL")
    if version in (VERSION, WITH_DESTRUCTIONS) or (write and version == _BEFORE):
        return
    if version == _BEFORE:
        help_text = "the next `opusmap submit` upgrades it"
    elif version > VERSION:
        help_text = (
            "use the version of opusmap that wrote it, or a later one; "
            "a new journal does not know which records were destroyed"
        )
    else:
        help_text = (
            "finish its runs with the version of opusmap that wrote it, or name a new file in "
            "OPUSMAP_JOURNAL: a new journal sends every record again, which does no harm"
        )
    problem = f"the journal has version {version}, but this opusmap reads version {VERSION}"
    raise JournalError(path, problem, help_text)


def prepare_schema(database: sqlite3.Connection) -> None:
    """Make the tables of an empty file, or upgrade those of the version before.

    It is one transaction: a crash leaves the file as it was, or as it is to be.
    """
    version = _pragma(database, "user_version")
    if version not in (VERSION, WITH_DESTRUCTIONS):
        database.executescript(
            f"BEGIN IMMEDIATE; {_UPGRADE if version else _TABLES} {_DESTRUCTIONS} {ADDED}"
            f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
        )
    else:
        database.executescript(_DESTRUCTIONS)  # which the first journals of this version lack
        if not has_columns(database):  # as many of them do
            database.executescript(f"BEGIN IMMEDIATE; {ADDED} COMMIT;")


def _pragma(database: sqlite3.Connection, name: str) -> int:
    value = database.execute(f"PRAGMA {name}").fetchone()[0]
    assert isinstance(value, int)
    return value


_REQUESTS = f"requests ({REQUEST_COLUMNS})"
_ACCEPTED = f"accepted (target, {ACCEPTED_COLUMNS}, columns)"
_DETAILED = f"detailed (target, {DETAILED_COLUMNS})"

_ROWS = 90
"""Rows of one statement at most: nine values each stay below the 999 of older SQLite."""


def apply_writes(database: sqlite3.Connection, writes: WriteSet) -> None:
    """Write a write set, within the caller's transaction."""
    _put(database, _REQUESTS, [row for row in writes.requests.values() if row is not None])
    over = [number for number, row in writes.requests.items() if row is None]
    for ids in blocks(over, _ROWS):
        database.execute(f"DELETE FROM requests WHERE id IN ({_marks(len(ids))})", ids)  # noqa: S608 - marks
    write_layouts(database, writes.layouts)
    _put(database, _ACCEPTED, [*writes.accepted.values()])
    _put(database, _DETAILED, [row for row in writes.detailed.values() if row is not None])
    forgotten: dict[int, list[str]] = {}
    for (target, key), row in writes.detailed.items():
        if row is None:
            forgotten.setdefault(target, []).append(key)
    for target, keys in forgotten.items():
        for block in blocks(keys, _ROWS):
            query = f"DELETE FROM detailed WHERE target = ? AND key IN ({_marks(len(block))})"  # noqa: S608 - marks
            database.execute(query, (target, *block))


@cache
def look_up_records(count: int) -> tuple[str, str]:
    """Return the statements that look for so many rowKeys of a target in `accepted` and in `detailed`."""
    # Joined, since `key IN (…)` sorts the keys into an index first, which takes half as long again.
    places = ", ".join(f"(?{place})" for place in range(2, count + 2)) or "(NULL)"  # which no key equals
    wanted = f"WITH wanted(name) AS (VALUES {places}) SELECT"
    where = "WHERE target = ?1 AND key = wanted.name"
    accepted = f"{wanted} {ACCEPTED_COLUMNS} FROM wanted CROSS JOIN accepted {where}"
    return accepted, f"{wanted} {DETAILED_COLUMNS} FROM wanted CROSS JOIN detailed {where}"


def _put(database: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    for block in blocks(rows, _ROWS):
        database.execute(_put_rows(table, len(block)), [*chain.from_iterable(block)])


@cache
def _put_rows(table: str, count: int) -> str:
    row = f"({_marks(table.count(',') + 1)})"
    rows = ", ".join([row] * count)
    return f"INSERT OR REPLACE INTO {table} VALUES {rows}"  # noqa: S608 - constants and marks


@cache
def _marks(count: int) -> str:
    return ", ".join("?" * count)
