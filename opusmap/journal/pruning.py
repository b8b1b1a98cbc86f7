"""Pruning: forgetting what old runs know of single records, and leaving nothing of it in the file.

Owns what is personal in a journal: row keys and Opus's reasons. Counts, times and evidence of a run stay.
A record that is forgotten is one that was never sent: the next run that finds it sends it again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from opusmap.journal.models import Pruned

__all__ = ["MARK", "forget_records", "scrub"]

MARK = "pruned"
"""What a run's counts hold once it was pruned: how many records were forgotten."""

_OLD = "SELECT id, ending, counts FROM runs WHERE coalesce(finished, started) < ?"


def forget_records(
    database: sqlite3.Connection, before: float, only: Collection[int] | None = None
) -> Pruned:
    """Forget the records of runs that ended before a moment (seconds since 1970), within a transaction.

    `only` are the numbers of the runs that are meant; all runs if None.
    """
    forgotten: dict[int, int] = {}
    for run, ending, text in database.execute(_OLD, (before,)).fetchall():
        counts = json.loads(text)
        if MARK in counts or (only is not None and run not in only):
            continue
        tables = ("accepted", "detailed", "requests")
        deletions = (f"DELETE FROM {table} WHERE run = ?" for table in tables)  # noqa: S608 - constants
        forgotten[run] = sum(database.execute(each, (run,)).rowcount for each in deletions)
        # The ending of a run that was stopped may quote Opus's reason.
        database.execute(
            "UPDATE runs SET ending = ?, counts = ? WHERE id = ?",
            (
                ending if ending in ("", "done") else "stopped",
                json.dumps({**counts, MARK: forgotten[run]}),
                run,
            ),
        )
    return Pruned(tuple(forgotten), sum(forgotten.values()))


def scrub(database: sqlite3.Connection) -> None:
    """Rewrite the file, so that nothing that was deleted is left in a free page or in the log."""
    database.execute("VACUUM")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
