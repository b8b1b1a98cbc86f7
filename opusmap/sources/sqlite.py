"""SQLite: the rows of one query over a database file, which is opened to be read and nothing else.

Owns what a query may do. It may come from a stranger, and so may the file: the query can only select, from
this one file; it can't attach another, load code, write, or compute for ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import pathname2url

from opusmap.errors import SourceError
from opusmap.records import Problem, Reject, Row
from opusmap.sources.plain import plain_value
from opusmap.sources.source import Source
from opusmap.sources.tabular import check_columns

__all__ = ["CELL_LIMIT", "STEP_LIMIT", "SqliteSource"]

CELL_LIMIT = 16 << 20
"""Bytes of one value, at most."""

STEP_LIMIT = 4_000
"""Millions of the database machine's steps without a row, at most: some minutes."""

_CACHE = -32_000
"""Memory for pages: 32 MB (SQLite counts kibibytes below zero)."""

_ALLOWED = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_INTERRUPTED = "interrupted"


class SqliteSource(Source):
    """The rows of a query, numbered from 1; a second reading runs it again."""

    rereadable = True

    def __init__(self, path: Path, query: str, name: str) -> None:
        self.name = name
        self._query = query
        self._steps = 0
        try:
            self._database = self._open(path)
        except sqlite3.Error as error:
            problem = f"the database can't be opened: {error}"
            hint = "name the file of an SQLite database"
            raise SourceError(name, "source-unreadable", problem, help=hint) from None
        try:
            self._first: sqlite3.Cursor | None = self._run()
            self.columns = self._columns(self._first)
        except BaseException:
            self._database.close()
            raise

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; see `Source.rows`."""
        cursor, self._first = self._first or self._run(), None
        columns = self.columns or ()
        number = 0
        try:
            for number, values in enumerate(cursor, 1):
                self._steps = 0
                yield _row(number, columns, values)
        except sqlite3.Error as error:
            raise self._refusal(error, number + 1) from None

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _open(self, path: Path) -> sqlite3.Connection:
        address = f"file:{pathname2url(str(path.resolve()))}?mode=ro"
        database = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)
        database.text_factory = _text
        database.execute("PRAGMA query_only = ON")
        database.execute("PRAGMA trusted_schema = OFF")  # the file may be hostile, too
        database.execute(f"PRAGMA cache_size = {_CACHE}")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, CELL_LIMIT)
        database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        database.set_authorizer(_authorize)
        database.set_progress_handler(self._count, 1_000_000)
        return database

    def _count(self) -> int:
        self._steps += 1
        return int(self._steps > STEP_LIMIT)  # anything but 0 stops the query

    def _run(self) -> sqlite3.Cursor:
        self._steps = 0
        try:
            return self._database.execute(self._query)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise self._refusal(error, None) from None

    def _columns(self, cursor: sqlite3.Cursor) -> tuple[str, ...]:
        columns = tuple(str(column[0]) for column in cursor.description or ())
        check_columns(self.name, columns)
        return columns

    def _refusal(self, error: Exception, row: int | None) -> SourceError:
        reason = str(error)
        hint = "try the query in a program for SQLite"
        if reason == _INTERRUPTED:
            reason = f"it took more than {STEP_LIMIT:,} million steps without giving a row"
            hint = "make it simpler, or give the tables that it joins an index"
        elif "not authorized" in reason or "prohibited" in reason:
            hint = "it may only select, and only from the file that is the source"
        elif "not a database" in reason:
            return SourceError(self.name, "source-damaged", f"{reason}", help="is this an SQLite database?")
        return SourceError(self.name, "bad-query", f"the query fails: {reason}", row, hint)


def _authorize(action: int, *_: Any) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


class _NoText(bytes):
    """A text of the database that is not UTF-8."""


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return _NoText(value)


_NATIVE = frozenset({str, int, type(None)})


def _row(number: int, columns: tuple[str, ...], values: tuple[Any, ...]) -> Row | Reject:
    row = dict(zip(columns, values, strict=True))
    if all(value.__class__ in _NATIVE for value in values):
        return Row(number, row)
    plain = {column: plain_value(value) for column, value in row.items()}
    problems = tuple(
        Problem(column, "encoding", "the database holds a text here that is not UTF-8", "mend it there")
        for column, value in row.items()
        if isinstance(value, _NoText)
    )
    return Reject(number, None, problems, plain) if problems else Row(number, plain)
