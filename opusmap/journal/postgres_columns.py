"""What a journal in PostgreSQL keeps of columns and of absent records; see `sqlite_columns`.

An older opusmap leaves the hashes of columns as they are where it replaces a record. They are found out, for
they are not of its content.
"""

from __future__ import annotations

import heapq
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

from opusmap.journal.column_hashes import ColumnHasher
from opusmap.journal.postgres_server import Database, has_table, making_tables

_ADDED = """
ALTER TABLE opusmap.journal ADD COLUMN IF NOT EXISTS column_key bytea;
ALTER TABLE opusmap.accepted ADD COLUMN IF NOT EXISTS columns bytea;
CREATE TABLE IF NOT EXISTS opusmap.column_layouts (
    target bigint NOT NULL, number bytea NOT NULL, names text NOT NULL, PRIMARY KEY (target, number)
);
CREATE TABLE IF NOT EXISTS opusmap.gone (
    run bigint NOT NULL, target bigint NOT NULL, key bytea NOT NULL, PRIMARY KEY (run, key)
);
"""
_PLAIN = "SELECT key FROM opusmap.accepted WHERE target = %s ORDER BY key"
_DETAILED = """
SELECT key FROM opusmap.detailed WHERE target = %s AND state = 'taken' AND NOT EXISTS
    (SELECT FROM opusmap.accepted WHERE accepted.target = detailed.target AND accepted.key = detailed.key)
ORDER BY key
"""
# One record at a time, as `postgres_records` looks them up.
_COLUMNS = """
SELECT found.* FROM unnest(%s::bytea[]) AS wanted (key), LATERAL (SELECT accepted.key, columns
    FROM opusmap.accepted WHERE target = %s AND accepted.key = wanted.key LIMIT 1) AS found
WHERE columns IS NOT NULL
"""
_WRITE_GONE = """
INSERT INTO opusmap.gone SELECT runs.id, target, new.key FROM opusmap.runs, unnest(%s::bytea[]) AS new (key)
WHERE runs.id = %s ON CONFLICT DO NOTHING
"""
_FORGET = """
DELETE FROM opusmap.gone WHERE run = ANY(%s::bigint[]) OR NOT EXISTS
    (SELECT FROM opusmap.accepted WHERE accepted.target = gone.target AND accepted.key = gone.key)
AND NOT EXISTS
    (SELECT FROM opusmap.detailed WHERE detailed.target = gone.target AND detailed.key = gone.key)
"""


def prepare_columns(database: Database) -> None:
    """Make the tables where they are not there; two processes may do so at the same time."""
    if has_columns(database):
        return
    with making_tables(database):
        database.execute(_ADDED)
        query = "UPDATE opusmap.journal SET column_key = %s WHERE column_key IS NULL"
        database.execute(query, (secrets.token_bytes(16),))


def has_columns(database: Database) -> bool:
    """Return whether the tables are there."""
    return has_table(database, "gone")


def read_hasher(database: Database, target: int) -> ColumnHasher | None:
    """Return what hashes and compares the columns of a target's records; None without the tables."""
    if not has_columns(database):
        return None
    found = database.execute("SELECT column_key FROM opusmap.journal").fetchone()
    if found is None or found[0] is None:
        return None
    query = "SELECT number, names FROM opusmap.column_layouts WHERE target = %s"
    rows = database.execute(query, (target,)).fetchall()
    return ColumnHasher(found[0], {number: tuple(json.loads(names)) for number, names in rows})


def compare_columns(
    database: Database, target: int, records: Mapping[str, tuple[bytes, bytes]]
) -> dict[str, tuple[str, ...]]:
    """Return which columns of a target's records have changed, by rowKey; see `Journal.compare_columns`."""
    hasher, found = read_hasher(database, target), dict[str, tuple[str, ...]]()
    if hasher is None or not records:
        return found
    values = ([key.encode() for key in records], target)
    for encoded, columns in database.execute(_COLUMNS, values, binary=True).fetchall():
        changed = hasher.compare(columns, *records[key := encoded.decode()])
        if changed is not None:
            found[key] = changed
    return found


def read_accepted_keys(spare: Callable[[], AbstractContextManager[Database]], target: int) -> Iterator[str]:
    """Yield the rowKeys of a target's records of which Opus accepted a version, in their order.

    `spare` lends a connection, for the server hands many rows out as they are read.
    """
    with spare() as database, database.transaction(), database.cursor(name="accepted_keys") as cursor:
        detailed = database.execute(_DETAILED, (target,), binary=True).fetchall()
        cursor.itersize = 5_000
        cursor.execute(_PLAIN, (target,), binary=True)
        yield from (key.decode() for (key,) in heapq.merge(cursor, detailed))


def write_gone(database: Database, run: int, keys: Iterable[str]) -> None:
    """Write which records were absent from the source of a run."""
    database.execute(_WRITE_GONE, ([key.encode() for key in keys], run))


def read_gone(database: Database, run: int) -> tuple[str, ...]:
    """Return what `write_gone` wrote."""
    if not has_columns(database):
        return ()
    query = "SELECT key FROM opusmap.gone WHERE run = %s ORDER BY key"
    return tuple(key.decode() for (key,) in database.execute(query, (run,)))


def forget_gone(database: Database, runs: Collection[int]) -> None:
    """Forget what was absent from the source of these runs, and the records that nothing is known of now."""
    database.execute(_FORGET, (list(runs),))
