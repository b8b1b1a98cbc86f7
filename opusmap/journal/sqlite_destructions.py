"""The table `destructions` of a journal in a file, and questions about records that need no run.

A journal from before there was this table gets it when it is opened to write; until then it has none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from opusmap.journal.destruction import Destruction, DestructionState
from opusmap.journal.in_flight import Request
from opusmap.journal.models import JournalRecord, State, read_accepted, read_detailed
from opusmap.journal.sqlite_columns import blocks
from opusmap.journal.sqlite_schema import REQUEST_COLUMNS, WITH_DESTRUCTIONS, look_up_records

_COLUMNS = "key, plan, content, state, at, by, answer, lifted"


def find_target(database: sqlite3.Connection, origin: str, connection: str) -> int | None:
    """Return the number of a target; None where it is not known."""
    query = "SELECT id FROM targets WHERE origin = ? AND connection = ?"
    found = database.execute(query, (origin, connection)).fetchone()
    return None if found is None else int(found[0])


def find_records(
    database: sqlite3.Connection, target: int, keys: Collection[str]
) -> dict[str, JournalRecord]:
    """Return what is known of a target's records with these rowKeys."""
    found: dict[str, JournalRecord] = {}
    for block in blocks(keys):
        accepted, detailed = look_up_records(len(block))
        found |= {row[2]: read_accepted(row) for row in database.execute(accepted, (target, *block))}
        found |= {row[2]: read_detailed(row) for row in database.execute(detailed, (target, *block))}
    wanted = set(keys)
    query = f"SELECT {REQUEST_COLUMNS} FROM requests WHERE target = ?"  # noqa: S608 - a constant
    for row in database.execute(query, (target,)):
        request = Request.from_row(row)
        found |= {each.key: each for each in request.pending(request.sent) if each.key in wanted}
    return found


def find_accepted(
    database: sqlite3.Connection, target: int, keys: Collection[str]
) -> dict[str, JournalRecord]:
    """Return the latest accepted versions of a target's records with these rowKeys."""
    found: dict[str, JournalRecord] = {}
    for block in blocks(keys):
        accepted, detailed = look_up_records(len(block))
        versions = map(read_detailed, database.execute(detailed, (target, *block)))
        found |= {each.key: each for each in versions if each.state is State.ACCEPTED}
        found |= {row[2]: read_accepted(row) for row in database.execute(accepted, (target, *block))}
    return found


def read_destructions(
    database: sqlite3.Connection, target: int, keys: Collection[str] | None
) -> Iterator[Destruction]:
    """Yield the destructions of a target, of these rowKeys alone if they are given, by time."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'destructions'").fetchone():
        return
    select = f"SELECT {_COLUMNS} FROM destructions WHERE target = ?"  # noqa: S608 - a constant
    if keys is None:
        yield from map(_read, database.execute(f"{select} ORDER BY at, key", (target,)))
        return
    for block in blocks(keys):
        marks = ", ".join("?" * len(block))
        query = f"{select} AND key IN ({marks}) ORDER BY at, key"
        yield from map(_read, database.execute(query, (target, *block)))


def write_destructions(database: sqlite3.Connection, target: int, rows: Iterable[Destruction]) -> None:
    """Write destructions, each in place of what was known of its rowKey and plan.

    From the first one on, an older opusmap, which would submit the record again, refuses the journal.
    """
    marks = ", ".join("?" * 9)
    query = f"INSERT OR REPLACE INTO destructions (target, {_COLUMNS}) VALUES ({marks})"  # noqa: S608 - constants
    values = [
        (target, row.key, row.plan, row.content, row.state.value, row.at, row.by, row.answer, row.lifted)
        for row in rows
    ]
    database.executemany(query, values)
    if values:
        database.execute(f"PRAGMA user_version = {WITH_DESTRUCTIONS}")


def forget_records(database: sqlite3.Connection, target: int, keys: Collection[str]) -> None:
    """Forget what is known of a target's records with these rowKeys; none of them is in flight."""
    for table in ("accepted", "detailed"):
        query = f"DELETE FROM {table} WHERE target = ? AND key = ?"  # noqa: S608 - constants
        database.executemany(query, [(target, key) for key in keys])


def _read(row: tuple[Any, ...]) -> Destruction:
    key, plan, content, state, at, *texts = row
    return Destruction(key, plan, content, DestructionState(state), at, *texts)
