"""The table `destructions` of a journal in PostgreSQL; see `sqlite_destructions`, whose columns it has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from opusmap.journal.destruction import Destruction, DestructionState
from opusmap.journal.postgres_schema import WITH_DESTRUCTIONS
from opusmap.journal.postgres_server import Database, has_table, making_tables

_TABLE = """
CREATE TABLE IF NOT EXISTS opusmap.destructions (
    target bigint NOT NULL, key bytea NOT NULL, plan text NOT NULL, content bytea NOT NULL,
    state text NOT NULL, at float8 NOT NULL, by bytea NOT NULL, answer bytea NOT NULL, lifted bytea NOT NULL,
    PRIMARY KEY (target, key, plan)
)
"""
_SELECT = "SELECT key, plan, content, state, at, by, answer, lifted FROM opusmap.destructions"
_WRITE = """
INSERT INTO opusmap.destructions VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (target, key, plan) DO UPDATE SET content = excluded.content, state = excluded.state,
    at = excluded.at, by = excluded.by, answer = excluded.answer, lifted = excluded.lifted
"""


def prepare_destructions(database: Database) -> None:
    """Make the table where it is not there; two processes may do so at the same time."""
    if not has_table(database, "destructions"):
        with making_tables(database):
            database.execute(_TABLE)


def read_destructions(database: Database, target: int, keys: Collection[str] | None) -> Iterator[Destruction]:
    """Yield the destructions of a target, of these rowKeys alone if they are given, by time."""
    if not has_table(database, "destructions"):
        return
    where, values = " WHERE target = %(target)s", dict[str, Any](target=target)
    if keys is not None:
        where, values = f"{where} AND key = ANY(%(keys)s::bytea[])", values | {"keys": _encode(keys)}
    query = f"{_SELECT}{where} ORDER BY at, key".encode()
    for key, plan, content, state, at, by, answer, lifted in database.execute(query, values, binary=True):
        texts = by.decode(), answer.decode(), lifted.decode()
        yield Destruction(key.decode(), plan, content, DestructionState(state), at, *texts)


def write_destructions(database: Database, target: int, rows: Iterable[Destruction]) -> None:
    """Write destructions, each in place of what was known of its rowKey and plan.

    From the first one on, an older opusmap, which would submit the record again, refuses the journal.
    """
    values = []
    for row in rows:
        texts = row.by.encode(), row.answer.encode(), row.lifted.encode()
        values.append((target, row.key.encode(), row.plan, row.content, row.state.value, row.at, *texts))
    with database.cursor() as cursor:
        cursor.executemany(_WRITE, values)
    if values:
        query = "UPDATE opusmap.journal SET version = %(version)s WHERE version < %(version)s"
        database.execute(query, {"version": WITH_DESTRUCTIONS})


def forget_records(database: Database, target: int, keys: Collection[str]) -> None:
    """Forget what is known of a target's records with these rowKeys; none of them is in flight."""
    values = {"target": target, "keys": _encode(keys)}
    for table in ("accepted", "detailed") if keys else ():
        query = f"DELETE FROM opusmap.{table} WHERE target = %(target)s AND key = ANY(%(keys)s::bytea[])"  # noqa: S608 - constants
        database.execute(query.encode(), values)


def _encode(keys: Collection[str]) -> object:
    return [key.encode() for key in keys]
