"""SQLite: the rows of one query over a database file, which is opened to be read and nothing else.

Owns what a query may do. It may come from a stranger, and so may the file: the query can only select, from
this one file; it can't attach another, load code, write, or compute for ever. It runs in a process of its own
(`sqlite_child`), which can be ended in the middle of any step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import pathname2url

import msgspec

from opusmap.errors import SourceError
from opusmap.records import Problem, Reject, Row
from opusmap.sources.child import ChildEnded, ChildSilent, read_frames
from opusmap.sources.normalize import plain_value
from opusmap.sources.source import Source
from opusmap.sources.sqlite_child import NO_TEXT, TOO_LONG, Limits, Task
from opusmap.sources.tabular import ROW_LIMIT, check_columns, row_too_long

__all__ = ["CELL_LIMIT", "STEP_LIMIT", "STEP_SECONDS", "TEMPORARY_LIMIT", "SqliteSource"]

CELL_LIMIT = 16 << 20
"""Bytes of one value, at most."""

TEMPORARY_LIMIT = 1 << 30
"""Bytes of a temporary file (on Windows of memory) for sorting and grouping, at most."""

STEP_LIMIT = 4_000
"""Millions of the database machine's steps without a row, at most: some minutes."""

STEP_SECONDS = 60.0
"""Seconds that one step of the database machine may take, such as one call of a function."""

_HEAP, _PROCESS = 192 << 20, 768 << 20
"""Memory of SQLite, and address space of its process, at most."""

_PROGRAM = Path(__file__).with_name("sqlite_child.py")


class SqliteSource(Source):
    """The rows of a query, numbered from 1; a second reading runs it again."""

    rereadable = True

    def __init__(self, path: Path, query: str, name: str) -> None:
        self.name = name
        address = f"file:{pathname2url(str(path.resolve()))}?mode=ro"
        limits = Limits(CELL_LIMIT, ROW_LIMIT, _HEAP, _PROCESS, TEMPORARY_LIMIT, STEP_LIMIT)
        self._task = msgspec.msgpack.encode(Task(address, query, limits))
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
            for number, values in enumerate(frame, number + 1):  # noqa: B020 - goes on counting
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
        count, named = 0, False
        try:
            for data in read_frames(_PROGRAM, self._task, STEP_SECONDS, self._until):
                frame = msgspec.msgpack.decode(data, ext_hook=_marker)
                if isinstance(frame, dict):
                    raise self._refusal(frame["error"], frame["reason"], count + 1 if count else None)
                if named and frame == []:
                    return
                if frame is not None:
                    count += len(frame) if named else 0
                    named = True
                    yield frame
        except ChildSilent:
            raise self._refusal("silent", "", count + 1 if count else None) from None
        except ChildEnded:
            raise self._refusal("ended", "", count + 1 if count else None) from None

    def _refusal(self, what: str, reason: str, row: int | None) -> SourceError:
        if what == "open":
            problem, hint = f"the database can't be opened: {reason}", "name the file of an SQLite database"
            return SourceError(self.name, "source-unreadable", problem, help=hint)
        if what == "ended":
            problem = "the database can't be read: it is damaged, or the query takes too much memory"
            return SourceError(
                self.name, "source-damaged", problem, row, "check it: `PRAGMA integrity_check`"
            )
        if "not a database" in reason:
            return SourceError(self.name, "source-damaged", reason, help="is this an SQLite database?")
        reason, hint = _reason(what, reason)
        return SourceError(self.name, "bad-query", f"the query fails: {reason}", row, hint)


def _reason(what: str, reason: str) -> tuple[str, str]:
    """Return why a query fails, and the way out."""
    simpler = "make it simpler, or give the tables that it joins an index"
    if what == "steps":
        return f"it took more than {STEP_LIMIT:,} million steps without giving a row", simpler
    if what == "silent":
        return f"one step of it took more than {STEP_SECONDS:.0f} seconds", simpler
    if what == "memory":
        return "it takes too much memory", "select fewer or shorter values"
    if "disk is full" in reason or "disk I/O error" in reason:
        space = f"{reason}; it may take {TEMPORARY_LIMIT >> 30} GB of temporary space"
        return space, "leave out ORDER BY, GROUP BY or DISTINCT, or give their columns an index"
    if "not authorized" in reason or "prohibited" in reason:
        return reason, "it may only select, and only from the file that is the source"
    if "too big" in reason:
        return (
            f"{reason} (a value may have {CELL_LIMIT >> 20} MB)",
            "leave the value out, or shorten it: substr(…)",
        )
    return reason, "try the query in a program for SQLite"


class _NoText(bytes):
    """A text of the database that is not UTF-8."""


_TOO_LONG = object()


def _marker(code: int, data: memoryview) -> Any:
    return {NO_TEXT: _NoText(data), TOO_LONG: _TOO_LONG}[code]


_NATIVE = frozenset({str, int, type(None)})


def _row(number: int, columns: tuple[str, ...], values: Any) -> Row | Reject:
    if values is _TOO_LONG:
        return row_too_long(number)
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
