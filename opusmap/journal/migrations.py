"""The journal's schema, as the steps that led to it.

Owns what the tables are. A file's version (`user_version`) is the number of steps it has been through;
a new file goes through all of them, so an old one ends with the very same tables.
"""

from __future__ import annotations

import sqlite3

from opusmap.errors import JournalError

__all__ = ["APPLICATION_ID", "MIGRATIONS", "VERSION", "check_kind", "migrate"]

APPLICATION_ID = 0x4F707573  # "Opus"

_FIRST = """
CREATE TABLE targets (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, connection TEXT NOT NULL, UNIQUE (origin, connection)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL REFERENCES targets, mapping TEXT NOT NULL,
    started REAL NOT NULL, finished REAL, ending TEXT NOT NULL DEFAULT '', counts TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE records (
    target INTEGER NOT NULL, key TEXT NOT NULL, run INTEGER NOT NULL, row INTEGER NOT NULL,
    content BLOB NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    intended REAL NOT NULL, settled REAL, PRIMARY KEY (target, key)
) WITHOUT ROWID;
CREATE INDEX records_of_a_run ON records (run, state);
"""

# `taken` is all that millions of records need: what Opus holds. `noted` is what there is more to say of,
# and wins over `taken`. `flights` is what is under way, a row a request: one insert is a durable intent.
_COMPACT = """
CREATE TABLE taken (
    target INTEGER NOT NULL, key TEXT NOT NULL, content BLOB NOT NULL, run INTEGER NOT NULL,
    row INTEGER NOT NULL, PRIMARY KEY (target, key)
) WITHOUT ROWID;
CREATE TABLE noted (
    target INTEGER NOT NULL, key TEXT NOT NULL, content BLOB NOT NULL, run INTEGER NOT NULL,
    row INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, sent REAL, ticks REAL,
    PRIMARY KEY (target, key)
) WITHOUT ROWID;
CREATE TABLE flights (
    id INTEGER PRIMARY KEY, target INTEGER NOT NULL, run INTEGER NOT NULL, sent REAL NOT NULL,
    ticks REAL NOT NULL, entries BLOB NOT NULL
);
INSERT INTO taken SELECT target, key, content, run, row FROM records WHERE state = 'taken';
INSERT INTO noted SELECT target, key, content, run, row, state, reason,
    CASE state WHEN 'failed' THEN NULL ELSE coalesce(settled, intended) END,
    CASE state WHEN 'failed' THEN NULL ELSE 0.0 END
    FROM records WHERE state <> 'taken';
DROP TABLE records;
"""

# What a run leaves for its report besides its counts: compressed JSON, without any value of a row.
_EVIDENCE = """
CREATE TABLE evidence (run INTEGER PRIMARY KEY REFERENCES runs, content BLOB NOT NULL);
"""

# Which journal this is, for whoever compares it with one that was there before; and from which run on its
# knowledge of a target counts: what earlier runs sent may have been replaced by runs of another journal.
_IDENTITY = """
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES (lower(hex(randomblob(16))));
ALTER TABLE targets ADD COLUMN trusted_from INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS = (_FIRST, _COMPACT, _EVIDENCE, _IDENTITY)
"""Step N takes a file from version N to version N + 1. Released steps never change."""

VERSION = len(MIGRATIONS)


def check_kind(database: sqlite3.Connection, path: str, *, write: bool) -> None:
    """Refuse a file that is no journal, or one of a version that can't be used.

    Raises:
        JournalError: with the way out.
    """
    kind, version = _pragma(database, "application_id"), _pragma(database, "user_version")
    empty = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if write and empty and (kind, version) == (0, 0):
        return
    if kind == APPLICATION_ID and (0 < version <= VERSION if write else version == VERSION):
        return
    help_text = "name another file in OPUSMAP_JOURNAL"
    problem = "the file is not a journal of opusmap"
    if kind == APPLICATION_ID:
        problem = f"the journal has version {version}, this opusmap reads version {VERSION}"
        if version < VERSION:
            help_text = "the next `opusmap submit` brings it up to date"
    raise JournalError(path, problem, help_text)


def migrate(database: sqlite3.Connection) -> None:
    """Take a file, or an empty one, through the steps that it has not been through."""
    version = _pragma(database, "user_version")
    for number, step in enumerate(MIGRATIONS[version:], version + 1):
        # One transaction a step: a crash leaves the version before or the one after.
        database.executescript(
            f"BEGIN IMMEDIATE; {step} PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {number}; COMMIT;"
        )


def _pragma(database: sqlite3.Connection, name: str) -> int:
    value = database.execute(f"PRAGMA {name}").fetchone()[0]
    assert isinstance(value, int)
    return value
