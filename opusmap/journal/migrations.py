"""The journal's schema, as the steps that led to it.

Owns what the tables are. A file's version (`user_version`) is the number of steps it has been through;
a new file goes through all of them, so an old one ends with the very same tables.
"""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "MIGRATIONS", "VERSION"]

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

MIGRATIONS = (_FIRST, _COMPACT, _EVIDENCE)
"""Step N takes a file from version N to version N + 1. Released steps never change."""

VERSION = len(MIGRATIONS)
