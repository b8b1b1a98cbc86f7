"""What a journal in PostgreSQL knows of records: the queries, and what their rows mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opusmap.journal.models import JournalRecord, State, Timestamp
from opusmap.journal.postgres_schema import NOW

_PLAIN = "run, row, key, content, 'taken', ''::bytea, NULL::float8"
_DETAILS = f"run, row, key, content, state, reason, {NOW} - sent"
# One record at a time, by the whole primary key. With `key = ANY(…)`, the server read all records of a target
# of which its statistics knew nothing yet, for each batch, because it took them for one record.
_WANTED = "SELECT found.* FROM unnest(%(keys)s::bytea[]) AS wanted (key), LATERAL"
LOOK_UP = f"""
{_WANTED} (SELECT {_PLAIN} FROM opusmap.accepted
    WHERE target = %(target)s AND accepted.key = wanted.key LIMIT 1) AS found
UNION ALL
{_WANTED} (SELECT {_DETAILS} FROM opusmap.detailed
    WHERE target = %(target)s AND detailed.key = wanted.key LIMIT 1) AS found
"""  # noqa: S608 - constants
ACCEPTED = f"""
SELECT {_PLAIN} FROM opusmap.accepted WHERE run = %(run)s AND NOT EXISTS (
    SELECT FROM opusmap.detailed WHERE detailed.target = accepted.target AND detailed.key = accepted.key)
ORDER BY row, key
"""  # noqa: S608 - constants
DETAILED = f"SELECT {_DETAILS} FROM opusmap.detailed WHERE run = %(run)s"  # noqa: S608 - constants
IN_BOTH = """
SELECT count(*) FROM opusmap.detailed JOIN opusmap.accepted USING (target, key, run) WHERE detailed.run = %s
"""
_REQUEST = f"id, target, run, 0::float8, {NOW} - sent, items"
REQUESTS = f"SELECT {_REQUEST} FROM opusmap.requests WHERE run = %(run)s"  # noqa: S608 - constants
FLYING = f"SELECT {_REQUEST} FROM opusmap.requests WHERE target = %(target)s"  # noqa: S608 - constants
KILLED = f"""
DELETE FROM opusmap.requests WHERE target = %(target)s AND NOT EXISTS (
    SELECT FROM opusmap.leases WHERE leases.writer = requests.writer AND leases.target = requests.target
    AND expires IS NOT NULL)
RETURNING {_REQUEST}
"""  # noqa: S608 - constants


def record_reader(at: Callable[[float], Timestamp]) -> Callable[[tuple[Any, ...]], JournalRecord]:
    """Return what makes a record of a row; `at` gives the moment so many seconds ago."""

    def read(row: tuple[Any, ...]) -> JournalRecord:
        run, place, key, content, state, reason, age = row
        sent = None if age is None else at(age)
        return JournalRecord(run, place, key.decode(), content, State(state), reason.decode(), sent)

    return read
