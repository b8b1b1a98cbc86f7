"""Rows that Python gives: those that a program has, and those of a format that an installed package adds.

A package names a function under the entry point group `opusmap.sources`; its name there is the `format`.
Like a converter, it runs because a person installed it, never because a mapping is in a folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint
from itertools import chain, islice
from typing import Any, Protocol

from opusmap.errors import OpusmapError, SourceError
from opusmap.records import Reject, Row
from opusmap.sources.arrow import ArrowSource, ArrowStream
from opusmap.sources.normalize import plain_values
from opusmap.sources.source import Source, reject_row
from opusmap.wording import quote_value

SAMPLE_ROWS = 1_000
"""Rows that are read ahead to learn the columns, at most."""


class OpenRows(Protocol):
    """What a package names under `opusmap.sources`."""

    def __call__(
        self, path: str | None, options: Mapping[str, Any]
    ) -> Iterable[Mapping[str, Any]] | ArrowStream:
        """Return the rows from the beginning, each time that it is called.

        A column that no row has among the first thousand is an error where a mapping names it.

        Args:
            path: the source on the command line, or `path` under `source`, below the mapping's folder; None
                where neither is given.
            options: the values under `source: {options: …}`.

        Raises:
            SourceError: what is wrong, in words for the person who runs the mapping.
        """


class IterableSource(Source):
    """Rows that a program already has: any iterable of mappings, numbered from 1.

    Values are made plain (see `plain_value`), and NaN is a missing value, as in pandas.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], name: str = "rows") -> None:
        self.name = name
        self.rereadable = not isinstance(rows, Iterator)
        self._rows = rows

    def rows(self) -> Iterator[Row | Reject]:
        """Yield each mapping as a row; a reject for anything else."""
        rows: Iterable[object] = self._rows  # a program may pass anything
        for number, values in enumerate(rows, 1):
            if isinstance(values, Mapping):
                yield Row(number, plain_values(values, nan=None))
            else:
                message = f"a row must be a mapping of column to value, not {quote_value(values)}"
                yield reject_row(number, "not-an-object", message)


def from_rows(rows: Iterable[Mapping[str, Any]] | ArrowStream, name: str = "rows") -> Source:
    """Make a source of what a program has: any iterable of mappings, or any table that Arrow can read.

    Args:
        rows: mappings of column name to value; or an object with `__arrow_c_stream__`, such as a data
            frame of polars or pandas, a DuckDB relation, or a pyarrow table (the extra `parquet`).
        name: what messages call it.

    Raises:
        SourceError: `missing-extra`, `source-unreadable`; a table's columns are repeated or have no name.
    """
    return ArrowSource(rows, name) if isinstance(rows, ArrowStream) else IterableSource(rows, name)


class InstalledSource(Source):
    """The rows that a package's function gives; the columns are those of the table, or of the first rows."""

    rereadable = True

    def __init__(self, entry: EntryPoint, path: str | None, options: Mapping[str, Any]) -> None:
        self.name = path or entry.name
        self._entry, self._path, self._options = entry, path, options
        source = self._open()
        self.columns, rows = source.columns, self._rows(source)
        if self.columns is None:
            sample = list(islice(rows, SAMPLE_ROWS))
            names = dict.fromkeys(name for row in sample if isinstance(row, Row) for name in row.values)
            self.columns, rows = tuple(names), chain(sample, rows)
        self._first: Iterator[Row | Reject] | None = rows

    def rows(self) -> Iterator[Row | Reject]:
        """Return the rows; see `Source.rows`."""
        rows, self._first = self._first, None
        return self._rows(self._open()) if rows is None else rows

    def _open(self) -> Source:
        try:
            open_rows: OpenRows = self._entry.load()
            return from_rows(open_rows(self._path, self._options), self.name)
        except OpusmapError:
            raise
        except Exception as error:
            raise self._broken(error) from error

    def _rows(self, source: Source) -> Iterator[Row | Reject]:
        number = 0
        try:
            for row in source.rows():
                yield row
                number = row.number if isinstance(row, Row) else row.row
        except OpusmapError:
            raise
        except Exception as error:
            raise self._broken(error, number + 1) from error

    def _broken(self, error: Exception, row: int | None = None) -> SourceError:
        package = self._entry.dist.name if self._entry.dist else self._entry.value
        problem = f"the package {package} failed: {type(error).__name__}: {error}"
        return SourceError(self.name, "source-unreadable", problem, row, "see the package's documentation")
