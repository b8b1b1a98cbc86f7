"""The tables of a journal in PostgreSQL, and the statements that write rows.

The tables are those of `sqlite_schema`, in the schema `opusmap`. Texts that people or Opus wrote are bytes
(UTF-8): a text of PostgreSQL can't contain every character that they may, and is sorted by language.

`leases` has who may write to a target: `writer` is the number of one opened journal (no other will ever have
it), `expires` when its lease runs out, None once it is over. So the number is a fencing token: each write
locks its lease's row for those who would end it, and does nothing if the lease is over. `run` is the run that
several processes send together, each its `parts`; None where one process writes alone. `requests` are
numbered by their writer. `targets` has the moment and the end of the latest hold: Opus asked to wait.

Times are seconds since 1970 by the database's clock (`NOW`). A moment that a process saw comes as its age, by
the clock of that process that never jumps.
"""

from __future__ import annotations

import json
import secrets
from functools import cache
from itertools import chain
from typing import Any

from opusmap.errors import JournalError, NoJournal
from opusmap.journal.postgres_server import Database, has_table, making_tables
from opusmap.journal.write_set import WriteSet

VERSION = 2
"""The version of the tables, in `opusmap.journal`."""

WITH_DESTRUCTIONS = 3
"""That of a journal that knows of destructions: an opusmap that would submit their records refuses it."""

NOW = "coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp())::float8)"
"""Seconds since 1970; `now` is None, or the time of a simulated server."""

DURABLE = """set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
    ELSE current_setting('synchronous_commit') END, true)"""
"""Makes the transaction wait for the disk, whatever the server's default is."""

_TABLES = """
CREATE TABLE opusmap.journal (
    id text NOT NULL, version integer NOT NULL, last_run bigint NOT NULL, last_writer bigint NOT NULL,
    lease float8 NOT NULL DEFAULT 30
);
CREATE TABLE opusmap.targets (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, origin text NOT NULL, connection text NOT NULL,
    trusted_from bigint NOT NULL DEFAULT 0, hold_at float8, hold_until float8, UNIQUE (origin, connection)
);
CREATE TABLE opusmap.runs (
    id bigint PRIMARY KEY, target bigint NOT NULL REFERENCES opusmap.targets, mapping bytea NOT NULL,
    started float8 NOT NULL, finished float8, ending bytea NOT NULL DEFAULT '',
    counts text NOT NULL DEFAULT '{}', staged text
);
CREATE TABLE opusmap.leases (
    writer bigint NOT NULL, target bigint NOT NULL REFERENCES opusmap.targets,
    run bigint REFERENCES opusmap.runs, expires float8, requests bigint NOT NULL DEFAULT 0,
    retries bigint NOT NULL DEFAULT 0, PRIMARY KEY (writer, target)
);
CREATE INDEX ON opusmap.leases (target);
CREATE TABLE opusmap.parts (
    run bigint NOT NULL REFERENCES opusmap.runs, part bigint NOT NULL, writer bigint,
    done boolean NOT NULL DEFAULT false, submitted bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0, failed bigint NOT NULL DEFAULT 0,
    uncertain bigint NOT NULL DEFAULT 0, trusted bigint NOT NULL DEFAULT 0, PRIMARY KEY (run, part)
);
CREATE INDEX ON opusmap.parts (writer) WHERE writer IS NOT NULL;
CREATE TABLE opusmap.evidence (run bigint PRIMARY KEY REFERENCES opusmap.runs, content bytea NOT NULL);
CREATE TABLE opusmap.accepted (
    target bigint NOT NULL, key bytea NOT NULL, content bytea NOT NULL, run bigint NOT NULL,
    row bigint NOT NULL, PRIMARY KEY (target, key)
);
CREATE TABLE opusmap.detailed (
    target bigint NOT NULL, key bytea NOT NULL, content bytea NOT NULL, run bigint NOT NULL,
    row bigint NOT NULL, state text NOT NULL, reason bytea NOT NULL, sent float8, PRIMARY KEY (target, key)
);
CREATE TABLE opusmap.requests (
    writer bigint NOT NULL, id bigint NOT NULL, target bigint NOT NULL, run bigint NOT NULL,
    sent float8 NOT NULL, items bytea NOT NULL, PRIMARY KEY (writer, id)
);
"""

PRUNED_TABLES = ("accepted", "detailed", "requests")


def prepare_schema(database: Database, place: str) -> None:
    """Make the tables of a database that has none; two processes may do so at the same time.

    Raises:
        JournalError: the tables are of a version that can't be used.
    """
    try:
        check_schema(database, place)
    except NoJournal:
        with making_tables(database):
            if database.execute("SELECT to_regnamespace('opusmap')").fetchone() == (None,):
                database.execute("CREATE SCHEMA opusmap")
            database.execute(_TABLES)
            query = "INSERT INTO opusmap.journal VALUES (%s, %s, 0, 0)"
            database.execute(query, (secrets.token_hex(16), VERSION))
        check_schema(database, place)


def check_schema(database: Database, place: str) -> None:
    """Refuse a database without a journal, or with one of a version that can't be used.

    Raises:
        NoJournal: the tables are not there.
        JournalError: they are of another version.
    """
    if not has_table(database, "journal"):
        way_out = "the first `opusmap submit` creates it; if it is elsewhere, name it in OPUSMAP_JOURNAL"
        raise NoJournal(place, "there is no journal in this database", way_out)
    found = database.execute("SELECT version FROM opusmap.journal").fetchone()
    if found in ((VERSION,), (WITH_DESTRUCTIONS,)):
        return
    problem = f"the journal has version {found and found[0]}, but this opusmap reads version {VERSION}"
    way_out = "use the version of opusmap that wrote it, or name an empty database in OPUSMAP_JOURNAL"
    raise JournalError(place, problem, way_out)


# The parts of a write, each a statement within one: so it is one transaction, and one way to the server and
# back. `held` has a row if the writer's lease is not over; the others take their rows from it.
HELD = """FROM opusmap.leases JOIN opusmap.targets ON targets.id = leases.target
    WHERE leases.target = %(target)s AND writer = %(writer)s AND expires IS NOT NULL FOR SHARE OF leases"""
_HELD = f"held AS (SELECT hold_at, hold_until - {NOW} AS hold_for, {DURABLE} {HELD})"
_PARTS = {
    "requests": f"""INSERT INTO opusmap.requests (writer, id, target, run, sent, items)
        SELECT %(writer)s, new.id, new.target, new.run, {NOW} - new.age, new.items FROM held, unnest(
            %(requests_0)s::bigint[], %(requests_1)s::bigint[], %(requests_2)s::bigint[],
            %(requests_3)s::float8[], %(requests_4)s::bytea[]) AS new (id, target, run, age, items)
        ON CONFLICT (writer, id) DO UPDATE SET
            target = excluded.target, run = excluded.run, sent = excluded.sent, items = excluded.items""",  # noqa: S608 - constants
    "over": """DELETE FROM opusmap.requests USING held
        WHERE writer = %(writer)s AND id = ANY(%(over_0)s::bigint[])""",
    "accepted": """INSERT INTO opusmap.accepted (target, run, row, key, content, columns)
        SELECT new.* FROM held, unnest(
            %(accepted_0)s::bigint[], %(accepted_1)s::bigint[], %(accepted_2)s::bigint[],
            %(accepted_3)s::bytea[], %(accepted_4)s::bytea[], %(accepted_5)s::bytea[])
            AS new (target, run, row, key, content, columns)
        ON CONFLICT (target, key) DO UPDATE SET run = excluded.run, row = excluded.row,
            content = excluded.content, columns = excluded.columns""",
    "layouts": """INSERT INTO opusmap.column_layouts (target, number, names)
        SELECT new.* FROM held, unnest(
            %(layouts_0)s::bigint[], %(layouts_1)s::bytea[], %(layouts_2)s::text[])
            AS new (target, number, names)
        ON CONFLICT DO NOTHING""",
    "detailed": f"""INSERT INTO opusmap.detailed (target, run, row, key, content, state, reason, sent)
        SELECT new.target, new.run, new.row, new.key, new.content, new.state, new.reason, {NOW} - new.age
        FROM held, unnest(
            %(detailed_0)s::bigint[], %(detailed_1)s::bigint[], %(detailed_2)s::bigint[],
            %(detailed_3)s::bytea[], %(detailed_4)s::bytea[], %(detailed_5)s::text[], %(detailed_6)s::bytea[],
            %(detailed_7)s::float8[]) AS new (target, run, row, key, content, state, reason, age)
        ON CONFLICT (target, key) DO UPDATE SET run = excluded.run, row = excluded.row,
            content = excluded.content, state = excluded.state, reason = excluded.reason,
            sent = excluded.sent""",  # noqa: S608 - constants
    "forgotten": """DELETE FROM opusmap.detailed USING held, unnest(
            %(forgotten_0)s::bigint[], %(forgotten_1)s::bytea[]) AS gone (target, key)
        WHERE detailed.target = gone.target AND detailed.key = gone.key""",
}


def apply_writes(
    database: Database, target: int, writer: int, writes: WriteSet, *, ticks: float, now: float | None
) -> tuple[float | None, float | None] | None:
    """Write a write set of a target, durably; return None, and write nothing, if the writer's lease is over.

    Otherwise return the moment of the latest hold, and how many seconds it still lasts. `ticks` is the
    process's time by the clock of its `Timestamp.ticks`.
    """
    rows: dict[str, list[tuple[Any, ...]]] = {
        "requests": [
            (number, of, run, ticks - sent, items)
            for row in writes.requests.values()
            if row is not None
            for number, of, run, _, sent, items in (row,)
        ],
        "over": [(number,) for number, row in writes.requests.items() if row is None],
        "accepted": [
            (of, run, row, key.encode(), content, columns)
            for of, run, row, key, content, columns in writes.accepted.values()
        ],
        "layouts": [(of, number, json.dumps(names)) for (of, number), names in writes.layouts.items()],
        "detailed": [
            (
                *row[:3],
                row[3].encode(),
                *row[4:6],
                row[6].encode(),
                None if row[8] is None else ticks - row[8],
            )
            for row in writes.detailed.values()
            if row is not None
        ],
        "forgotten": [(of, key.encode()) for (of, key), row in writes.detailed.items() if row is None],
    }
    parts = tuple(part for part, of_part in rows.items() if of_part)
    columns = (
        (f"{part}_{place}", list(column))
        for part in parts
        for place, column in enumerate(zip(*rows[part], strict=True))
    )
    values = dict(chain(columns, (("target", target), ("writer", writer), ("now", now))))
    return database.execute(_write_parts(parts), values).fetchone()


@cache
def _write_parts(parts: tuple[str, ...]) -> bytes:
    """Return the statement that writes these parts."""
    written = (f"{part} AS ({_PARTS[part]})" for part in parts)
    return f"WITH {', '.join([_HELD, *written])} SELECT hold_at, hold_for FROM held".encode()  # noqa: S608 - constants
