"""How a journal reaches PostgreSQL: connecting, and what its errors mean to a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opusmap.errors import JournalError
from opusmap.settings import PostgresAddress

Database: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

_DEFAULTS: Mapping[str, str | int] = {
    "application_name": "opusmap",
    "connect_timeout": 10,
    # A network that swallows packets must end a run, and not stop it for hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

_AGAIN = "then run the same command again: it goes on where this run stopped"
_LOST = f"check that the server runs and can be reached, {_AGAIN}"
_REPAIR = (
    "restore the database from a backup, or name an empty one in OPUSMAP_JOURNAL; then run "
    "`opusmap submit MAPPING --resend`, which sends every record again and does no harm"
)
_PASSWORD = "set the role's password in OPUSMAP_JOURNAL_PASSWORD or OPUSMAP_JOURNAL_PASSWORD_FILE"  # noqa: S105
_RIGHTS = (
    "the role that runs submit must own the schema opusmap or be allowed to create it "
    "(GRANT CREATE ON DATABASE); one that only reads needs USAGE on the schema and SELECT on its tables"
)
# By the beginning of an SQLSTATE, the longest first
# (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_MEANINGS = {
    "28P01": ("the password is missing or wrong", _PASSWORD),
    "28": ("the server refuses to sign in this role", "check the role and the server's pg_hba.conf"),
    "3D000": ("the database does not exist", "create it, or correct the address in OPUSMAP_JOURNAL"),
    "42501": ("this role does not have enough rights", _RIGHTS),
    "53100": ("the server's disk is full", f"free disk space on the server, {_AGAIN}"),
    "53300": (
        "the server has too many connections",
        f"raise max_connections, or close other connections, {_AGAIN}",
    ),
    "53": ("the server is short of resources", f"look at the server's log, {_AGAIN}"),
    "25006": (
        "the database is read-only, as a standby or a full server is",
        "name the primary server in OPUSMAP_JOURNAL, or let the role write",
    ),
    "57P": ("the server was stopped, or ended the connection", _LOST),
    "08": ("the connection to the server was lost", _LOST),
    "3F000": ("the journal's tables are gone", _REPAIR),
    "42P01": ("the journal's tables are gone", _REPAIR),
    "XX001": ("the database is damaged", _REPAIR),
    "XX002": ("the database is damaged", _REPAIR),
}
# What a server answers before there is a connection comes without an SQLSTATE, in the server's language;
# libpq's own words are English here.
_WORDS = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    'FATAL:  database "': "3D000",
    "no pg_hba.conf entry": "28",
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "starting up": "57P",
    "shutting down": "57P",
    "does not support SSL": "TLS",
}
_NO_TLS = (
    "the server does not offer TLS, so others could read what is sent to it",
    "switch TLS on in the server; or, in a network that you trust, write sslmode=disable into the address",
)


def connect(address: PostgresAddress) -> Database:
    """Connect, each statement a transaction, with nothing that a connection pooler would lose.

    Raises:
        JournalError: in words, without the password.
    """
    place = str(address)
    password = None if address.password is None else address.password.reveal()
    try:
        given = conninfo_to_dict(address.url)
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in given}
        conninfo = make_conninfo(address.url, **defaults, password=password)
        # A statement prepared in a session may not be there in the next one that a pooler hands out.
        return psycopg.connect(conninfo, autocommit=True, prepare_threshold=None, client_encoding="utf8")
    except psycopg.Error as error:
        said = _first_line(error)
        state = error.sqlstate or next((code for words, code in _WORDS.items() if words in str(error)), "")
        problem, way_out = _NO_TLS if state == "TLS" else _explain(state)
        problem = problem if state else "there is no connection to the server"
        raise JournalError(place, f"{problem}: {said}", way_out) from None


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn PostgreSQL's errors into ours."""
    try:
        yield
    except psycopg.Error as error:
        problem, way_out = _explain(error.sqlstate or "")
        said = error.diag.message_primary or _first_line(error)
        raise JournalError(place, f"the journal can't be used: {problem}: {said}", way_out) from None


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Turn what goes wrong while rows are read into our errors: a damaged row may hold anything."""
    with translated(place):
        try:
            yield
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise damaged(place, str(error)) from error


def has_table(database: Database, name: str) -> bool:
    """Return whether the journal has a table."""
    return database.execute("SELECT to_regclass(%s)", (f"opusmap.{name}",)).fetchone() != (None,)


@contextmanager
def making_tables(database: Database) -> Iterator[None]:
    """Make tables in a transaction; nothing, if another process is quicker."""
    errors = psycopg.errors
    quicker = suppress(
        errors.UniqueViolation, errors.DuplicateTable, errors.DuplicateObject, errors.DuplicateSchema
    )
    with quicker, database.transaction():
        yield


def damaged(place: str, what: str) -> JournalError:
    """Return the error for a journal in which something can't be as we wrote it."""
    return JournalError(place, f"the journal is damaged: {what}", _REPAIR)


def _explain(state: str) -> tuple[str, str]:
    """Return what an SQLSTATE means, and the way out; "" is a connection that broke."""
    for length in (5, 3, 2):
        if found := _MEANINGS.get(state[:length]):
            return found
    if not state:
        return _MEANINGS["08"]
    return f"PostgreSQL reports {state}", f"look at the server's log, {_AGAIN}"


def _first_line(error: psycopg.Error) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
