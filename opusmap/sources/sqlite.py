"""SQLite: the rows of one query on a database file, which is opened read-only.

The query may come from a stranger, and so may the file. The query can only select from this one file: it
can't attach another, load code, write, or run without end. It runs in a separate process
(`sqlite_child`), which can be ended in the middle of any step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.records import Reject, Row
from opusmap.source_options import SourceOptions
from opusmap.sources.child import ChildFailed, read_frames
from opusmap.sources.normalize import plain_value
from opusmap.sources.source import ROW_LIMIT, Format, Source, check_columns, row_too_long
from opusmap.sources.sqlite_child import NO_TEXT, Limits, Task
from opusmap.sources.text_io import Input

CELL_LIMIT = 16 << 20
"""Bytes of one value, at most."""

TEMPORARY_LIMIT = 1 << 30
"""Bytes of a temporary file (on Windows of memory) for sorting and grouping, at most."""

STEP_LIMIT = 4_000
"""Millions of steps of SQLite's virtual machine without a row, at most: some minutes."""

STEP_SECONDS = 60.0
"""Seconds that one step may take, such as one call of a function."""

_HEAP, _PROCESS = 192 << 20, 768 << 20
"""Memory of SQLite, and address space of its process, in bytes, at most."""


class SqliteSource(Source):
    """The rows of a query, numbered from 1; a second reading runs it again."""

    rereadable = True

    def __init__(self, path: Path, query: str, name: str) -> None:
        self.name = name
        file = path.resolve().as_posix()  # on Windows C:/x, or //server/x
        address = f"file://{'' if file.startswith('/') else '/'}{quote(file, safe='/:')}?mode=ro"
        limits = Limits(CELL_LIMIT, ROW_LIMIT, _HEAP, _PROCESS, TEMPORARY_LIMIT, STEP_LIMIT)
        self._task = Task(address, query, limits)
        self._until = ExitStack()
        self._first: Iterator[Any] | None = None
        try:
            self._first, self.columns = self._run()
        except BaseException:
            self.close()
            raise

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; see `Source.rows`."""
        frames, self._first = self._first, None
        if frames is None:
            frames, columns = self._run()
            if columns != self.columns:
                raise SourceError(self.name, "source-changed", "the file was changed while it was being read")
        columns = self.columns or ()
        number = 0
        for frame in frames:
            for number, values in enumerate(frame, number + 1):  # noqa: B020 - it counts on
                yield _row(number, columns, values)

    def close(self) -> None:
        """End the processes that run the query."""
        self._until.close()

    def _run(self) -> tuple[Iterator[Any], tuple[str, ...]]:
        """Start the query; return its frames of rows, and its columns."""
        self._until.close()
        frames = self._frames()
        columns = tuple(next(frames))
        check_columns(self.name, columns)
        return frames, columns

    def _frames(self) -> Iterator[Any]:
        """Yield the columns, then lists of rows.

        Raises:
            SourceError: the query fails, or is stopped.
        """
        count = 0
        program = Path(__file__).with_name("sqlite_child.py")
        try:
            for index, frame in enumerate(
                read_frames(
                    program,
                    self._task,
                    STEP_SECONDS,
                    self._until,
                    lambda mark, content: _NotText(content) if mark == NO_TEXT else _TooLong(),
                )
            ):
                count += len(frame) if index else 0
                yield frame
        except ChildFailed as failed:
            code, problem, hint = _explain(failed.error, failed.details.get("reason", ""))
            raise SourceError(self.name, code, problem, count + 1 if count else None, hint) from None


_TABLES = """
    SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' ORDER BY name
"""


def list_sqlite_tables(path: Path, name: str) -> tuple[str, ...]:
    """Return the names of a file's tables and views, for a person who writes a query.

    Raises:
        SourceError: the file can't be read.
    """
    source = SqliteSource(path, _TABLES, name)
    try:
        return tuple(str(row.values["name"]) for row in source.rows() if isinstance(row, Row))
    finally:
        source.close()


def require_query(sql: str | None, name: str) -> str:
    """Return the query of a mapping or the command line.

    Raises:
        SourceError: `no-query`.
    """
    if sql is None or not sql.strip():
        hint = "write one, such as `sql: SELECT Id, Title FROM Contract` under `source:`"
        raise SourceError(name, "no-query", "a database needs a query that returns the rows", help=hint)
    return sql


def _explain(failure: str, reason: str) -> tuple[str, str, str]:
    """Return the code, message and help for what the child process reports, or for its end."""
    if failure == "open":
        problem = f"the database can't be opened: {reason}"
        return "source-unreadable", problem, "name the file of an SQLite database"
    if failure == "ended":
        problem = "the database can't be read: it is damaged, or the query takes too much memory"
        return "source-damaged", problem, "check it: `PRAGMA integrity_check`"
    if "not a database" in reason:
        return "source-damaged", reason, "is this an SQLite database?"
    hint = "try the query in a program for SQLite"
    if failure == "steps":
        reason = f"it took more than {STEP_LIMIT:,} million steps without returning a row"
        hint = "simplify it, or add an index to the tables that it joins"
    elif failure == "silent":
        reason = f"one step of it took more than {STEP_SECONDS:.0f} seconds"
        hint = "simplify it, or add an index to the tables that it joins"
    elif failure == "memory":
        reason, hint = "it takes too much memory", "select fewer or shorter values"
    elif "disk is full" in reason or "disk I/O error" in reason:
        reason = f"{reason}; it may use at most {TEMPORARY_LIMIT >> 30} GB of temporary space"
        hint = "remove ORDER BY, GROUP BY or DISTINCT, or add an index to their columns"
    elif "not authorized" in reason or "prohibited" in reason:
        hint = "let it only select, and only from the source file"
    elif "too big" in reason:
        reason = f"{reason} (a value may have at most {CELL_LIMIT >> 20} MB)"
        hint = "leave the value out, or shorten it: substr(…)"
    return "bad-query", f"the query fails: {reason}", hint


class _NotText(bytes):
    """A text of the database that is not UTF-8."""


class _TooLong(bytes):
    """A row that holds more than `ROW_LIMIT`."""


_NATIVE = frozenset({str, int, type(None)})


def _row(number: int, columns: tuple[str, ...], values: Any) -> Row | Reject:
    if isinstance(values, _TooLong):
        return row_too_long(number)
    row = dict(zip(columns, values, strict=True))
    if all(value.__class__ in _NATIVE for value in values):
        return Row(number, row)
    plain = {column: plain_value(value) for column, value in row.items()}
    problems = tuple(
        Issue("encoding", "the database has text here that is not UTF-8", column, "correct it there")
        for column, value in row.items()
        if isinstance(value, _NotText)
    )
    return Reject(number, None, problems, plain) if problems else Row(number, plain)


def open_sqlite(input: Input, options: SourceOptions) -> Source:
    """Open the rows of a query on an SQLite file.

    Raises:
        SourceError: `no-query`, `bad-query`, `source-unreadable`, `source-damaged`.
    """
    query = require_query(options.sql, input.name)
    if not isinstance(input.origin, Path):
        problem = "a database can't be read from a stream or an address"
        raise SourceError(input.name, "source-unreadable", problem, help="save it as a file first")
    return SqliteSource(input.origin, query, input.name)


FORMAT = Format(
    name="sqlite",
    title="an SQLite database",
    suffixes=(".sqlite", ".sqlite3", ".db"),
    options=("sql",),
    open=open_sqlite,
)
